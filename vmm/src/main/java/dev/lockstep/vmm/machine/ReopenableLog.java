package dev.lockstep.vmm.machine;

/** A finished log that can be read from any of its entries on, again and again. */
@FunctionalInterface
public interface ReopenableLog {
  /** A source that is closed when it is not needed any more. */
  interface Source extends LogSource, AutoCloseable {
    @Override
    void close();
  }

  /**
   * Opens it.
   *
   * @param sequence number of the entry that comes first
   * @throws dev.lockstep.engine.VmmException if it cannot be read, or ends before that
   */
  Source open(long sequence);
}

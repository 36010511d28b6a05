package dev.lockstep.vmm.bus;

/**
 * Told of accesses that no device answers. Called on the vCPU's thread; must not touch the machine.
 */
@FunctionalInterface
public interface BusTrace {

  /** Which address space an access was made in. */
  enum Space {
    /** Ports, 0..0xffff. */
    PORT,
    /** Guest-physical addresses. */
    MMIO
  }

  /**
   * An access that nobody answered.
   *
   * @param space where
   * @param address port or guest-physical address of the byte or of the whole access
   * @param width bytes
   * @param write false for a read, which got all ones
   */
  void unmapped(Space space, long address, int width, boolean write);
}

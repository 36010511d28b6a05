package dev.lockstep.vmm.machine;

/** The outside of one output stream: a terminal, a file, a socket. */
@FunctionalInterface
public interface OutputConsumer {
  /**
   * Takes bytes that have left the machine.
   *
   * @param stream index of the device in the log's header
   * @param offset of the first byte; after a failover bytes may come again, with the same offsets and the same content
   * @param bytes not to be changed
   */
  void accept(int stream, long offset, byte[] bytes);
}

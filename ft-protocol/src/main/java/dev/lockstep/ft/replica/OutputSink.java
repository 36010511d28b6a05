package dev.lockstep.ft.replica;

import dev.lockstep.vmm.machine.OutputConsumer;

/** The outside of a replica's machine. Called with the gate held, on the replica's or the vCPU's thread; must not block. */
public interface OutputSink extends OutputConsumer {
  /** A backup has been brought in by a checkpoint: what it has taken before, of this run of the VM or of another, counts no more. */
  default void begin() {}

  /**
   * On a backup: bytes that its machine has produced too and that have left at the primary. Whoever serves a stream by offset keeps them, so that a consumer
   * which has not read them before a failover finds them here.
   */
  default void leftAtPrimary(int stream, long offset, byte[] bytes) {}
}

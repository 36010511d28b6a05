package dev.lockstep.benchmarks.kvm;

import java.io.IOException;

/** One of those that take turns: C, the bindings, or the engine. Used by one thread. */
interface Side extends AutoCloseable {
  /** Takes {@code nanos.length} samples, each the nanoseconds that one took. */
  void turn(long[] nanos) throws IOException;

  /** Pages that the dirty log named in the last turn. */
  long pages();

  /** Bytes that the thread which runs the vCPU allocated in the last turn, from its first sample to its last; -1 where the question has no meaning. */
  long allocated();

  @Override
  void close();
}

package dev.lockstep.counting;

import dev.lockstep.engine.VcpuExit;

/** What devices answer, a function of how many reads came before; and a hash of what was written. */
final class Answers {
  private long reads;
  private long written;

  Answers() {}

  Answers(Answers from) {
    reads = from.reads;
    written = from.written;
  }

  void set(Answers from) {
    reads = from.reads;
    written = from.written;
  }

  /** Answers an exit on the way. */
  void answer(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortRead read -> read.complete((int) (++reads * 0x9e3779b1L));
      case VcpuExit.MmioRead read -> read.complete(++reads * 0x9e3779b97f4a7c15L);
      case VcpuExit.PortWrite write -> written = written * 31 + write.value();
      case VcpuExit.MmioWrite write -> written = written * 31 + write.value();
      default -> throw new AssertionError("no such exit is in the program: " + exit);
    }
  }

  long hash() {
    return reads * 1_000_003 + written;
  }
}

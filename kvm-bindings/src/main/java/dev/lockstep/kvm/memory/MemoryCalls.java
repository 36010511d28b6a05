package dev.lockstep.kvm.memory;

import dev.lockstep.kvm.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** The system calls of this package; results are 0 or more, or negated error numbers. */
final class MemoryCalls {
  private static final MemorySegment MEMFD_CREATE = Libc.find("memfd_create");
  private static final MemorySegment FTRUNCATE = Libc.find("ftruncate");
  private static final MemorySegment FALLOCATE = Libc.find("fallocate");
  private static final MemorySegment MADVISE = Libc.find("madvise");
  private static final MemorySegment MPROTECT = Libc.find("mprotect");
  private static final MemorySegment SYSCONF = Libc.find("sysconf");

  /** The name _SC_PAGESIZE of bits/confname.h, an enumerator. */
  static final int SC_PAGESIZE = 30;

  private MemoryCalls() {}

  static int memfdCreate(String name, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      return Libc.call(MEMFD_CREATE, Libc.address(arena.allocateFrom(name)), flags, 0);
    }
  }

  static int ftruncate(int fd, long bytes) {
    return Libc.call(FTRUNCATE, fd, bytes, 0);
  }

  static int fallocate(int fd, int mode, long offset, long bytes) {
    return Libc.call(FALLOCATE, fd, mode, offset, bytes, 0, 0);
  }

  static int madvise(MemorySegment range, int advice) {
    return overRange(MADVISE, range, advice);
  }

  static int mprotect(MemorySegment range, int protection) {
    return overRange(MPROTECT, range, protection);
  }

  private static int overRange(MemorySegment function, MemorySegment range, int argument) {
    int result = Libc.call(function, Libc.address(range), range.byteSize(), argument);
    Reference.reachabilityFence(range);
    return result;
  }

  static long pageSize() {
    return Libc.callLong(SYSCONF, SC_PAGESIZE, 0, 0);
  }
}

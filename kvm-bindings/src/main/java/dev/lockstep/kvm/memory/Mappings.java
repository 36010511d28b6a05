package dev.lockstep.kvm.memory;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Mappings without a file, and what is done to any mapping. Ranges begin and end at pages. */
public final class Mappings {
  private static final long PAGE = MemoryCalls.pageSize();

  private Mappings() {}

  /** Bytes of one of the host's pages. */
  public static long pageSize() {
    return PAGE;
  }

  /**
   * Zeros that take no memory until touched, of this process alone; unmapped when the arena is closed. Memory is not reserved ahead (MAP_NORESERVE).
   *
   * @param bytes 1 or more; the last page is whole
   * @throws KvmException if the kernel refuses: ENOMEM beyond the limits on address space or mappings
   */
  public static MemorySegment anonymous(Arena arena, long bytes) {
    if (bytes <= 0) {
      throw new IllegalArgumentException("a mapping of " + bytes + " bytes");
    }
    return Libc.mmap(
        arena,
        bytes,
        Access.READ_WRITE.bits(),
        LinuxKvm.MAP_PRIVATE() | LinuxKvm.MAP_ANONYMOUS() | LinuxKvm.MAP_NORESERVE(),
        -1,
        0);
  }

  /** madvise(2) for a range of a mapping. */
  public static void advise(MemorySegment range, Advice advice) {
    requirePages(range);
    int result = MemoryCalls.madvise(range, advice.number());
    if (result < 0) {
      throw new KvmException("madvise " + advice + of(range), -1, -result);
    }
  }

  /** mprotect(2) for a range of a mapping. An access that is no longer allowed ends the JVM if Java makes it, and is EFAULT if a system call does. */
  public static void protect(MemorySegment range, Access access) {
    requirePages(range);
    int result = MemoryCalls.mprotect(range, access.bits());
    if (result < 0) {
      throw new KvmException("mprotect " + access + of(range), -1, -result);
    }
  }

  private static String of(MemorySegment range) {
    return " of 0x%x bytes at 0x%x".formatted(range.byteSize(), range.address());
  }

  private static void requirePages(MemorySegment range) {
    if (!range.isNative() || range.address() % PAGE != 0) {
      throw new IllegalArgumentException(
          "the range at 0x%x does not begin at a page of a mapping".formatted(range.address()));
    }
  }
}

package dev.lockstep.kvm.memory;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lockstep.kvm.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The system calls of this package; results are 0 or more, or negated error numbers. */
final class MemoryCalls {
  private static final MethodHandle MEMFD_CREATE =
      Libc.find("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle FTRUNCATE =
      Libc.find("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle FALLOCATE =
      Libc.find(
          "fallocate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle MADVISE =
      Libc.find("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle MPROTECT =
      Libc.find("mprotect", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SYSCONF =
      Libc.find("sysconf", FunctionDescriptor.of(JAVA_LONG, JAVA_INT));

  /** The name _SC_PAGESIZE of bits/confname.h, an enumerator. */
  static final int SC_PAGESIZE = 30;

  private MemoryCalls() {}

  static int memfdCreate(String name, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      return Libc.result(
          (int) MEMFD_CREATE.invokeExact(Libc.errnoState(), arena.allocateFrom(name), flags));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  static int ftruncate(int fd, long bytes) {
    try {
      return Libc.result((int) FTRUNCATE.invokeExact(Libc.errnoState(), fd, bytes));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  static int fallocate(int fd, int mode, long offset, long bytes) {
    try {
      return Libc.result((int) FALLOCATE.invokeExact(Libc.errnoState(), fd, mode, offset, bytes));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  static int madvise(MemorySegment range, int advice) {
    try {
      return Libc.result(
          (int) MADVISE.invokeExact(Libc.errnoState(), range, range.byteSize(), advice));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  static int mprotect(MemorySegment range, int protection) {
    try {
      return Libc.result(
          (int) MPROTECT.invokeExact(Libc.errnoState(), range, range.byteSize(), protection));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  static long pageSize() {
    try {
      return Libc.result((long) SYSCONF.invokeExact(Libc.errnoState(), SC_PAGESIZE));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }
}

package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/** The C library's calls on any file descriptor, in the manner of {@link Libc}: what the call returned, or the negated error number. No Java object is made by {@link #read} and {@link #write}. */
public final class DescriptorCalls {
  /** {@code struct pollfd} (poll(2)). */
  private static final StructLayout POLLFD =
      MemoryLayout.structLayout(
          JAVA_INT.withName("fd"), JAVA_SHORT.withName("events"), JAVA_SHORT.withName("revents"));

  private static final short POLLIN = 1;

  private static final MethodHandle READ =
      Libc.find("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle WRITE =
      Libc.find("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle POLL =
      Libc.find("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final Linker.Option VARIADIC = Linker.Option.firstVariadicArg(2);
  private static final MethodHandle FCNTL_VALUE =
      Libc.find("fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG), VARIADIC);
  private static final MethodHandle FCNTL_POINTER =
      Libc.find("fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS), VARIADIC);

  private DescriptorCalls() {}

  /** read(2) of at most {@code bytes} to the start of a native segment; the number read, 0 at the end. */
  public static long read(int fd, MemorySegment to, long bytes) {
    try {
      return Libc.result((long) READ.invokeExact(Libc.errnoState(), fd, to, bounded(to, bytes)));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  /** write(2) of the first {@code bytes} of a native segment; the number written. */
  public static long write(int fd, MemorySegment from, long bytes) {
    try {
      return Libc.result(
          (long) WRITE.invokeExact(Libc.errnoState(), fd, from, bounded(from, bytes)));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  /**
   * poll(2) until there is something to read.
   *
   * @param timeoutMillis how long at most; 0 looks once, -1 waits without end
   * @return 1 if there is (or the other end is gone, which the next read tells), 0 if the time is up, or a negated error number: EINTR after a signal
   */
  public static int awaitReadable(int fd, int timeoutMillis) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment polled = arena.allocate(POLLFD);
      polled.set(JAVA_INT, 0, fd);
      polled.set(JAVA_SHORT, 4, POLLIN);
      return Libc.result((int) POLL.invokeExact(Libc.errnoState(), polled, 1L, timeoutMillis));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  /** fcntl(2) with a number for an argument. */
  public static int fcntl(int fd, int command, long argument) {
    try {
      return Libc.result((int) FCNTL_VALUE.invokeExact(Libc.errnoState(), fd, command, argument));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  /** fcntl(2) with a structure for an argument. */
  public static int fcntl(int fd, int command, MemorySegment argument) {
    try {
      return Libc.result((int) FCNTL_POINTER.invokeExact(Libc.errnoState(), fd, command, argument));
    } catch (Throwable e) {
      throw Libc.broken(e);
    }
  }

  /** {@code result}, or the exception that a negated error number deserves. */
  public static int checked(String call, int fd, int result) {
    if (result < 0) {
      throw new KvmException(call, fd, -result);
    }
    return result;
  }

  private static long bounded(MemorySegment segment, long bytes) {
    if (bytes < 0 || bytes > segment.byteSize()) {
      throw new IllegalArgumentException(
          bytes + " bytes do not fit a segment of " + segment.byteSize());
    }
    return bytes;
  }
}

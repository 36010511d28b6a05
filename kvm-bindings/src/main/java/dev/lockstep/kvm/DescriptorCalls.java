package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.ref.Reference;

/** The C library's calls on any file descriptor, in the manner of {@link Libc}: what the call returned, or the negated error number. No Java object is made by {@link #read} and {@link #write}. */
public final class DescriptorCalls {
  /** {@code struct pollfd} (poll(2)). */
  private static final StructLayout POLLFD =
      MemoryLayout.structLayout(
          JAVA_INT.withName("fd"), JAVA_SHORT.withName("events"), JAVA_SHORT.withName("revents"));

  private static final short POLLIN = 1;

  private static final MemorySegment READ = Libc.find("read");
  private static final MemorySegment WRITE = Libc.find("write");
  private static final MemorySegment POLL = Libc.find("poll");
  private static final MemorySegment FCNTL = Libc.find("fcntl");

  private DescriptorCalls() {}

  /** read(2) of at most {@code bytes} to the start of a native segment; the number read, 0 at the end. */
  public static long read(int fd, MemorySegment to, long bytes) {
    MemorySegment state = Libc.errnoState();
    try {
      return Libc.result(
          state,
          (long)
              Libc.CALL.invokeExact(
                  READ, state, (long) fd, Libc.address(to), bounded(to, bytes), 0L, 0L, 0L));
    } catch (Throwable e) {
      throw Libc.broken(e);
    } finally {
      Reference.reachabilityFence(to);
    }
  }

  /** write(2) of the first {@code bytes} of a native segment; the number written. */
  public static long write(int fd, MemorySegment from, long bytes) {
    MemorySegment state = Libc.errnoState();
    try {
      return Libc.result(
          state,
          (long)
              Libc.CALL.invokeExact(
                  WRITE, state, (long) fd, Libc.address(from), bounded(from, bytes), 0L, 0L, 0L));
    } catch (Throwable e) {
      throw Libc.broken(e);
    } finally {
      Reference.reachabilityFence(from);
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
      return Libc.call(POLL, Libc.address(polled), 1, timeoutMillis);
    }
  }

  /** fcntl(2) with a number for an argument. */
  public static int fcntl(int fd, int command, long argument) {
    return Libc.call(FCNTL, fd, command, argument);
  }

  /** fcntl(2) with a structure for an argument. */
  public static int fcntl(int fd, int command, MemorySegment argument) {
    int result = fcntl(fd, command, Libc.address(argument));
    Reference.reachabilityFence(argument);
    return result;
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

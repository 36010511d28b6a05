package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The C library's calls that this module makes. Each returns what the call returned, or the negated error number instead of -1: no Java object is made, so that hot paths may use them. Every thread keeps
 * one small native buffer for errno.
 */
public final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_VALUE =
      CALL_STATE.varHandle(StructLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(Libc::newErrnoState);

  private static final MethodHandle OPEN =
      find("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle CLOSE =
      find("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle MMAP =
      find(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      find("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));

  /** What drives devices. Apart, since the JVM takes milliseconds to link each. */
  private static final class Ioctl {
    private static final Linker.Option VARIADIC = Linker.Option.firstVariadicArg(2);
    static final MethodHandle IOCTL_VALUE =
        find("ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG), VARIADIC);
    static final MethodHandle IOCTL_POINTER =
        find("ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS), VARIADIC);

    private Ioctl() {}
  }

  /** What is about threads and signals. Apart, since the JVM takes milliseconds to link each. */
  private static final class Threads {
    static final MethodHandle GETTID = find("gettid", FunctionDescriptor.of(JAVA_INT));
    static final MethodHandle GETPID = find("getpid", FunctionDescriptor.of(JAVA_INT));
    static final MethodHandle TGKILL =
        find("tgkill", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    static final MethodHandle SIGTIMEDWAIT =
        find("sigtimedwait", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
    static final MethodHandle PTHREAD_SIGMASK =
        find("pthread_sigmask", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));

    private Threads() {}
  }

  private Libc() {}

  /**
   * A call that sets errno, to be invoked with {@link #errnoState()} as its first argument, and {@link #result} around what it returns.
   *
   * @throws IllegalStateException if the C library does not have it
   */
  public static MethodHandle find(
      String name, FunctionDescriptor descriptor, Linker.Option... options) {
    Linker.Option[] all = new Linker.Option[options.length + 1];
    all[0] = ERRNO;
    System.arraycopy(options, 0, all, 1, options.length);
    MemorySegment symbol =
        LINKER
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new IllegalStateException("the C library has no " + name));
    return LINKER.downcallHandle(symbol, descriptor, all);
  }

  /** This thread's buffer for errno. */
  public static MemorySegment errnoState() {
    return STATE.get();
  }

  /** {@code returned}, or the negated errno of this thread's last call if that is -1. */
  public static int result(int returned) {
    return result(STATE.get(), returned);
  }

  /** {@code returned}, or the negated errno of this thread's last call if that is -1. */
  public static long result(long returned) {
    return returned == -1 ? -errno() : returned;
  }

  private static int errno() {
    return (int) ERRNO_VALUE.get(STATE.get(), 0L);
  }

  /** ioctl(2) with a number for an argument. */
  public static int ioctl(int fd, long request, long argument) {
    return ioctl(errnoState(), fd, request, argument);
  }

  /** ioctl(2) with a structure for an argument. */
  public static int ioctl(int fd, long request, MemorySegment argument) {
    return ioctl(errnoState(), fd, request, argument);
  }

  /** A buffer for errno, for a hot path that does not look up its thread's. Used by one thread at a time. */
  static MemorySegment newErrnoState() {
    return Arena.ofAuto().allocate(CALL_STATE);
  }

  /** ioctl(2) with a number for an argument and a buffer for errno. */
  static int ioctl(MemorySegment state, int fd, long request, long argument) {
    try {
      return result(state, (int) Ioctl.IOCTL_VALUE.invokeExact(state, fd, request, argument));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** ioctl(2) with a structure for an argument and a buffer for errno. */
  static int ioctl(MemorySegment state, int fd, long request, MemorySegment argument) {
    try {
      return result(state, (int) Ioctl.IOCTL_POINTER.invokeExact(state, fd, request, argument));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  private static int result(MemorySegment state, int returned) {
    return returned == -1 ? -(int) ERRNO_VALUE.get(state, 0L) : returned;
  }

  /** open(2). */
  public static int open(String path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      return result((int) OPEN.invokeExact(errnoState(), arena.allocateFrom(path), flags));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** close(2). */
  public static int close(int fd) {
    try {
      return result((int) CLOSE.invokeExact(errnoState(), fd));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /**
   * mmap(2) at an address of the kernel's choice; unmapped when the arena is closed.
   *
   * @throws KvmException if the kernel refuses
   */
  public static MemorySegment mmap(
      Arena arena, long bytes, int protection, int flags, int fd, long offset) {
    long address;
    try {
      address =
          result(
              (long)
                  MMAP.invokeExact(
                      errnoState(), MemorySegment.NULL, bytes, protection, flags, fd, offset));
    } catch (Throwable e) {
      throw broken(e);
    }
    if (address < 0 && address > -4096) {
      throw new KvmException("mmap of " + bytes + " bytes", fd, (int) -address);
    }
    return MemorySegment.ofAddress(address).reinterpret(bytes, arena, Libc::munmap);
  }

  /**
   * mmap(2) over a part of a mapping (MAP_FIXED in {@code flags}), with which it is unmapped.
   *
   * @throws KvmException if the kernel refuses; then what was there before may be gone
   */
  public static void mmapOver(MemorySegment place, int protection, int flags, int fd, long offset) {
    long address;
    try {
      address =
          result(
              (long)
                  MMAP.invokeExact(
                      errnoState(), place, place.byteSize(), protection, flags, fd, offset));
    } catch (Throwable e) {
      throw broken(e);
    }
    if (address != place.address()) {
      throw new KvmException(
          "mmap of %d bytes of a file at %d".formatted(place.byteSize(), offset),
          fd,
          (int) -address);
    }
  }

  private static void munmap(MemorySegment mapping) {
    try {
      int result = result((int) MUNMAP.invokeExact(errnoState(), mapping, mapping.byteSize()));
      if (result < 0) {
        throw new KvmException("munmap", -1, -result);
      }
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** gettid(2): the calling thread's number. */
  public static int gettid() {
    try {
      return (int) Threads.GETTID.invokeExact(errnoState());
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** getpid(2). */
  public static int getpid() {
    try {
      return (int) Threads.GETPID.invokeExact(errnoState());
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** tgkill(2): a signal to one thread. */
  public static int tgkill(int process, int thread, int signal) {
    try {
      return result((int) Threads.TGKILL.invokeExact(errnoState(), process, thread, signal));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** sigtimedwait(2) without an info structure: a pending signal of the set, consumed, or a negated error number (EAGAIN: none came in time). */
  public static int sigtimedwait(MemorySegment set, MemorySegment timeout) {
    try {
      return result(
          (int) Threads.SIGTIMEDWAIT.invokeExact(errnoState(), set, MemorySegment.NULL, timeout));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** pthread_sigmask(3); returns 0 or the negated error number. */
  public static int pthreadSigmask(int how, MemorySegment set, MemorySegment old) {
    try {
      return -(int) Threads.PTHREAD_SIGMASK.invokeExact(errnoState(), how, set, old);
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** What a downcall's handle threw: our own exceptions as they are, anything else is a broken invariant. */
  public static RuntimeException broken(Throwable thrown) {
    if (thrown instanceof RuntimeException e) {
      return e;
    }
    if (thrown instanceof Error e) {
      throw e;
    }
    return new IllegalStateException("a native call failed in Java", thrown);
  }

  /** Reads an unsigned long of C out of a segment; for callers that keep one-word buffers. */
  static long word(MemorySegment segment) {
    return segment.get(ValueLayout.JAVA_LONG, 0);
  }
}

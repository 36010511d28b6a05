package dev.lockstep.kvm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;

/**
 * The C library's calls that this module makes. Each returns what the call returned, or the negated error number instead of -1: no Java object is made, so that hot paths may use them. Every thread keeps
 * one small native buffer for errno.
 *
 * <p>All go through one downcall handle of six longs: the JVM takes some 8 ms to link each kind of signature, which a start would feel. On Linux that serves every function of at most six parameters that are integers or pointers:
 *
 * <ul>
 *   <li>the first six are passed in registers of their own (System V AMD64 ABI, Parameter Passing: RDI, RSI, RDX, RCX, R8, R9; AAPCS64, Parameter Passing Rules: X0 to X5), those behind the ellipsis of a variadic function as well (in AMD64 AL besides
 *       bounds the number of vector registers, which the JVM sets to none; in AAPCS64 for Linux anonymous arguments are passed as named ones are);
 *   <li>a register for which the callee has no parameter is one that it may overwrite, and takes no notice of;
 *   <li>an int is the lower half of its register, in arguments and in RAX or X0. The upper half of a returned int means nothing, and is dropped before anything is compared.
 * </ul>
 */
public final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO_VALUE =
      CALL_STATE.varHandle(StructLayout.PathElement.groupElement("errno"));
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(Libc::newErrnoState);

  /**
   * The one handle: of the function's address, a buffer for errno, and six arguments. On hot paths it is called where the call is asked for, without methods between: HotSpot inlines no more than fifteen deep (MaxInlineLevel), the
   * JVM's own check of the buffer is nine of them and makes a segment, and that becomes a Java object where the last of them is not inlined. ioctl(2) alone has more around it in a machine that waits: {@code scripts/jvm-options} has it compiled by itself.
   */
  static final MethodHandle CALL =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
          Linker.Option.captureCallState("errno"));

  private static final MemorySegment OPEN = find("open");
  private static final MemorySegment CLOSE = find("close");
  private static final MemorySegment IOCTL = find("ioctl");
  private static final MemorySegment MMAP = find("mmap");
  private static final MemorySegment MUNMAP = find("munmap");

  /** What is about threads and signals. Apart, since glibc has gettid and tgkill since 2.30 only: without them the rest works still. */
  private static final class Threads {
    static final MemorySegment GETTID = find("gettid");
    static final MemorySegment GETPID = find("getpid");
    static final MemorySegment TGKILL = find("tgkill");
    static final MemorySegment SIGTIMEDWAIT = find("sigtimedwait");
    static final MemorySegment PTHREAD_SIGMASK = find("pthread_sigmask");

    private Threads() {}
  }

  private Libc() {}

  /**
   * A function, for {@link #call} and its kin: of at most six integers and pointers, that returns one or nothing.
   *
   * @throws IllegalStateException if the C library does not have it
   */
  public static MemorySegment find(String name) {
    return LINKER
        .defaultLookup()
        .find(name)
        .orElseThrow(() -> new IllegalStateException("the C library has no " + name));
  }

  /** Calls a function of at most three parameters that returns an int, -1 if errno tells why; what it has no parameter for is 0. */
  public static int call(MemorySegment function, long first, long second, long third) {
    return call(function, first, second, third, 0, 0, 0);
  }

  /** Calls a function of at most six parameters that returns an int, -1 if errno tells why; what it has no parameter for is 0. */
  public static int call(
      MemorySegment function,
      long first,
      long second,
      long third,
      long fourth,
      long fifth,
      long sixth) {
    MemorySegment state = STATE.get();
    try {
      return result(
          state,
          (int)
              (long) CALL.invokeExact(function, state, first, second, third, fourth, fifth, sixth));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** As {@link #call(MemorySegment, long, long, long)}, of a function that returns a long or a pointer. */
  public static long callLong(MemorySegment function, long first, long second, long third) {
    return callLong(function, first, second, third, 0, 0, 0);
  }

  /** As {@link #call(MemorySegment, long, long, long, long, long, long)}, of a function that returns a long or a pointer. */
  public static long callLong(
      MemorySegment function,
      long first,
      long second,
      long third,
      long fourth,
      long fifth,
      long sixth) {
    MemorySegment state = STATE.get();
    try {
      return result(
          state,
          (long) CALL.invokeExact(function, state, first, second, third, fourth, fifth, sixth));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** Calls a function of at most three parameters whose result, an int, is never about errno: -1 is a result as any other. */
  public static int callPlain(MemorySegment function, long first, long second, long third) {
    try {
      return (int) (long) CALL.invokeExact(function, STATE.get(), first, second, third, 0L, 0L, 0L);
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** This thread's buffer for errno. */
  static MemorySegment errnoState() {
    return STATE.get();
  }

  /** {@code returned}, or the negated errno of the buffer if that is -1. */
  static int result(MemorySegment state, int returned) {
    return returned == -1 ? -(int) ERRNO_VALUE.get(state, 0L) : returned;
  }

  /** {@code returned}, or the negated errno of the buffer if that is -1. */
  static long result(MemorySegment state, long returned) {
    return returned == -1 ? -(int) ERRNO_VALUE.get(state, 0L) : returned;
  }

  /**
   * A segment's address as an argument, checked as the JVM checks segments that are arguments. In contrast to that, nothing keeps another thread from closing a shared arena during the call: who closes one sees to it that
   * nobody is in a call with it. Nor is the segment kept: where its arena may be an automatic one, {@link Reference#reachabilityFence} follows the call.
   *
   * @throws IllegalArgumentException for an array's segment
   * @throws IllegalStateException if its arena is closed
   * @throws WrongThreadException if its arena is another thread's
   */
  public static long address(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("a native call cannot take a heap segment: " + segment);
    }
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("the arena of a native call's argument is closed");
    }
    if (!segment.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException("the arena of a native call's argument is another thread's");
    }
    return segment.address();
  }

  /** ioctl(2) with a number for an argument. */
  public static int ioctl(int fd, long request, long argument) {
    return ioctl(STATE.get(), fd, request, argument);
  }

  /** ioctl(2) with a structure for an argument. */
  public static int ioctl(int fd, long request, MemorySegment argument) {
    return ioctl(STATE.get(), fd, request, argument);
  }

  /** A buffer for errno, for a hot path that does not look up its thread's. Used by one thread at a time. */
  static MemorySegment newErrnoState() {
    return Arena.ofAuto().allocate(CALL_STATE);
  }

  /** ioctl(2) with a number for an argument and a buffer for errno. */
  static int ioctl(MemorySegment state, int fd, long request, long argument) {
    try {
      return result(
          state,
          (int) (long) CALL.invokeExact(IOCTL, state, (long) fd, request, argument, 0L, 0L, 0L));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** ioctl(2) with a structure for an argument and a buffer for errno. */
  static int ioctl(MemorySegment state, int fd, long request, MemorySegment argument) {
    try {
      return result(
          state,
          (int)
              (long)
                  CALL.invokeExact(
                      IOCTL, state, (long) fd, request, address(argument), 0L, 0L, 0L));
    } catch (Throwable e) {
      throw broken(e);
    } finally {
      Reference.reachabilityFence(argument);
    }
  }

  /** open(2). */
  public static int open(String path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      return call(OPEN, address(arena.allocateFrom(path)), flags, 0);
    }
  }

  /** close(2). */
  public static int close(int fd) {
    return call(CLOSE, fd, 0, 0);
  }

  /**
   * mmap(2) at an address of the kernel's choice; unmapped when the arena is closed.
   *
   * @throws KvmException if the kernel refuses
   */
  public static MemorySegment mmap(
      Arena arena, long bytes, int protection, int flags, int fd, long offset) {
    long address = callLong(MMAP, 0, bytes, protection, flags, fd, offset);
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
    long address = callLong(MMAP, address(place), place.byteSize(), protection, flags, fd, offset);
    Reference.reachabilityFence(place);
    if (address != place.address()) {
      throw new KvmException(
          "mmap of %d bytes of a file at %d".formatted(place.byteSize(), offset),
          fd,
          (int) -address);
    }
  }

  private static void munmap(MemorySegment mapping) {
    int result = call(MUNMAP, address(mapping), mapping.byteSize(), 0);
    if (result < 0) {
      throw new KvmException("munmap", -1, -result);
    }
  }

  /** gettid(2): the calling thread's number. */
  public static int gettid() {
    return callPlain(Threads.GETTID, 0, 0, 0);
  }

  /** getpid(2). */
  public static int getpid() {
    return callPlain(Threads.GETPID, 0, 0, 0);
  }

  /** tgkill(2): a signal to one thread. */
  public static int tgkill(int process, int thread, int signal) {
    MemorySegment state = STATE.get();
    try {
      return result(
          state,
          (int)
              (long)
                  CALL.invokeExact(
                      Threads.TGKILL,
                      state,
                      (long) process,
                      (long) thread,
                      (long) signal,
                      0L,
                      0L,
                      0L));
    } catch (Throwable e) {
      throw broken(e);
    }
  }

  /** sigtimedwait(2) without an info structure: a pending signal of the set, consumed, or a negated error number (EAGAIN: none came in time). */
  public static int sigtimedwait(MemorySegment set, MemorySegment timeout) {
    MemorySegment state = STATE.get();
    try {
      return result(
          state,
          (int)
              (long)
                  CALL.invokeExact(
                      Threads.SIGTIMEDWAIT, state, address(set), 0L, address(timeout), 0L, 0L, 0L));
    } catch (Throwable e) {
      throw broken(e);
    } finally {
      Reference.reachabilityFence(set);
      Reference.reachabilityFence(timeout);
    }
  }

  /** pthread_sigmask(3); returns 0 or the negated error number. */
  public static int pthreadSigmask(int how, MemorySegment set, MemorySegment old) {
    int result = -callPlain(Threads.PTHREAD_SIGMASK, how, address(set), address(old));
    Reference.reachabilityFence(set);
    Reference.reachabilityFence(old);
    return result;
  }

  /** What the handle threw: our own exceptions as they are, anything else is a broken invariant. */
  static RuntimeException broken(Throwable thrown) {
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

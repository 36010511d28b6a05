package dev.lockstep.kvm.perf;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lockstep.kvm.DescriptorCalls;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.Libc;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.f_owner_ex;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * An open counter (perf_event_open(2)). One thread at a time uses it. {@link #read}, {@link #enable}, {@link #disable}, {@link #reset}, {@link #refresh} and {@link #setPeriod} make no Java object once HotSpot has compiled them.
 *
 * <p>As a kick: open it {@link PerfFlag#DISABLED} with a period, {@link #signalOverflowTo} the vCPU's thread with the signal that the thread blocks and KVM_SET_SIGNAL_MASK lets in, then {@link #reset},
 * {@link #setPeriod}, {@link #refresh} with 1 before each run. After an overflow KVM_RUN returns EINTR.
 */
public final class PerfEvent implements AutoCloseable {
  private static final MemorySegment SYSCALL = Libc.find("syscall");

  private static final int ANY_CPU = -1;
  private static final int EVERY_THREAD = -1;
  private static final int NO_GROUP = -1;
  private static final int READ_BYTES = 24;

  /** -1 once closed, so that a number that another file has meanwhile is never used. */
  private volatile int fd;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment reading = arena.allocate(READ_BYTES, 8);
  private final MemorySegment period = arena.allocate(JAVA_LONG);

  private PerfEvent(int fd) {
    this.fd = fd;
  }

  /**
   * Counts one thread, on whichever CPU it runs.
   *
   * @param thread its number ({@link Libc#gettid}), 0 for the calling thread
   * @throws KvmException with what to do: ENOENT or EOPNOTSUPP where there is no such counter, EACCES where this user may not count
   */
  public static PerfEvent openOnThread(PerfAttributes attributes, int thread) {
    return open(attributes, thread, ANY_CPU);
  }

  /** Counts one CPU, whatever runs there. Needs more rights than a thread of one's own. */
  public static PerfEvent openOnCpu(PerfAttributes attributes, int cpu) {
    return open(attributes, EVERY_THREAD, cpu);
  }

  private static PerfEvent open(PerfAttributes attributes, int thread, int cpu) {
    long result;
    try (Arena call = Arena.ofConfined()) {
      result =
          Libc.callLong(
              SYSCALL,
              PerfAbi.SYS_perf_event_open,
              Libc.address(attributes.toNative(call)),
              thread,
              cpu,
              NO_GROUP,
              LinuxKvm.PERF_FLAG_FD_CLOEXEC());
    }
    if (result < 0) {
      int errno = (int) -result;
      String call =
          "perf_event_open of type %d, config 0x%x"
              .formatted(attributes.type(), attributes.config());
      throw new KvmException(call, -1, errno, adviceFor(errno));
    }
    return new PerfEvent((int) result);
  }

  private static String adviceFor(int errno) {
    return switch (errno) {
      case Errno.ENOENT, Errno.EOPNOTSUPP, Errno.ENODEV, Errno.ENXIO ->
          "This host has no such counter. A virtual machine needs its hypervisor to give it a PMU; recording and replication then run on --engine soft.";
      case Errno.EACCES, Errno.EPERM ->
          "Lower kernel.perf_event_paranoid (sysctl -w kernel.perf_event_paranoid=1) or give this user CAP_PERFMON.";
      case Errno.EBUSY -> "Another program holds the PMU for itself: stop it.";
      case Errno.EMFILE -> "Raise the limit on open files (ulimit -n).";
      case Errno.ESRCH -> "The thread has ended.";
      case Errno.ENOSYS -> "This kernel was built without performance events.";
      default ->
          "This kernel or PMU does not take this combination: run lockstep doctor to see which counters work.";
    };
  }

  /** Counts from now on. */
  public void enable() {
    control("PERF_EVENT_IOC_ENABLE", LinuxKvm.PERF_EVENT_IOC_ENABLE(), 0);
  }

  /** Stops counting; the count stays. */
  public void disable() {
    control("PERF_EVENT_IOC_DISABLE", LinuxKvm.PERF_EVENT_IOC_DISABLE(), 0);
  }

  /** The count is zero again; how far the current period has come is not touched. */
  public void reset() {
    control("PERF_EVENT_IOC_RESET", LinuxKvm.PERF_EVENT_IOC_RESET(), 0);
  }

  /**
   * Enables for a number of overflows, after which the kernel disables the counter: so no overflow comes that was not asked for.
   *
   * @param overflows 1 or more
   */
  public void refresh(int overflows) {
    if (overflows <= 0) {
      throw new IllegalArgumentException("refresh for " + overflows + " overflows");
    }
    control("PERF_EVENT_IOC_REFRESH", LinuxKvm.PERF_EVENT_IOC_REFRESH(), overflows);
  }

  /**
   * Events until the next overflow, and between those after it. Some kernels begin it only after the next overflow.
   *
   * @param events 1 or more
   */
  public void setPeriod(long events) {
    if (events <= 0) {
      throw new IllegalArgumentException("a period of " + events + " events");
    }
    period.set(JAVA_LONG, 0, events);
    int result = Libc.ioctl(fd, LinuxKvm.PERF_EVENT_IOC_PERIOD(), period);
    DescriptorCalls.checked("PERF_EVENT_IOC_PERIOD", fd, result);
  }

  private void control(String name, int request, int argument) {
    DescriptorCalls.checked(name, fd, Libc.ioctl(fd, request, argument));
  }

  /**
   * The count since the last {@link #reset}.
   *
   * @throws KvmException EBUSY if the counter is {@link PerfFlag#PINNED} and lost its place in the PMU: its count is worth nothing
   */
  public long read() {
    long result = DescriptorCalls.read(fd, reading, READ_BYTES);
    if (result == 0) {
      throw new KvmException(
          "read of a pinned counter",
          fd,
          Errno.EBUSY,
          "Another user took the hardware counter (the NMI watchdog takes one: sysctl kernel.nmi_watchdog=0).");
    }
    if (result < 0) {
      throw new KvmException("read of a counter", fd, (int) -result);
    }
    return reading.get(JAVA_LONG, 0);
  }

  /** Nanoseconds during which the counter was enabled, as of the last {@link #read}. */
  public long nanosEnabled() {
    return reading.get(JAVA_LONG, 8);
  }

  /** Nanoseconds during which it really counted, as of the last {@link #read}: fewer than {@link #nanosEnabled} if it had to share the PMU, and then the count is not exact. */
  public long nanosRunning() {
    return reading.get(JAVA_LONG, 16);
  }

  /**
   * Sends a signal to a thread at each overflow (fcntl(2): F_SETOWN_EX, F_SETSIG, O_ASYNC).
   *
   * <p>The thread blocks the signal; no handler is there for it. Arm by {@link #refresh}: overflows without end fill the queue of signals, and then the kernel sends SIGIO, which ends the JVM.
   *
   * @param thread its number ({@link Libc#gettid})
   * @param signal a real-time signal
   */
  public void signalOverflowTo(int thread, int signal) {
    try (Arena call = Arena.ofConfined()) {
      MemorySegment owner = f_owner_ex.allocate(call);
      f_owner_ex.type(owner, LinuxKvm.F_OWNER_TID());
      f_owner_ex.pid(owner, thread);
      DescriptorCalls.checked(
          "fcntl F_SETOWN_EX", fd, DescriptorCalls.fcntl(fd, LinuxKvm.F_SETOWN_EX(), owner));
    }
    DescriptorCalls.checked(
        "fcntl F_SETSIG", fd, DescriptorCalls.fcntl(fd, LinuxKvm.F_SETSIG(), signal));
    int flags =
        DescriptorCalls.checked(
            "fcntl F_GETFL", fd, DescriptorCalls.fcntl(fd, LinuxKvm.F_GETFL(), 0));
    DescriptorCalls.checked(
        "fcntl F_SETFL",
        fd,
        DescriptorCalls.fcntl(fd, LinuxKvm.F_SETFL(), flags | LinuxKvm.O_ASYNC()));
  }

  /**
   * Maps the counter's pages: one of information, and behind it a ring of samples.
   *
   * @param arena when it is closed they are unmapped, before or after this counter
   * @param dataPages a power of two, or 0 for the information alone
   */
  public PerfRing map(Arena arena, int dataPages) {
    return PerfRing.map(arena, fd, dataPages);
  }

  /** The descriptor. */
  public int fd() {
    return fd;
  }

  @Override
  public synchronized void close() {
    int open = fd;
    if (open >= 0) {
      fd = -1;
      Libc.close(open);
      arena.close();
    }
  }
}

package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_signal_mask;
import dev.lockstep.kvm.layout.timespec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The signal that makes KVM_RUN return. It is blocked in the thread that owns the vCPU and unblocked only inside KVM_RUN, by KVM_SET_SIGNAL_MASK: no handler ever runs, the JVM never sees it (signal(7);
 * Documentation/virt/kvm/api.rst 4.35). A signal sent before KVM_RUN waits and ends the next one at once, so none is lost. One object belongs to one thread.
 */
public final class KickSignal {
  /** Past the real-time signals that the C library keeps for itself, and not one of HotSpot's. */
  public static final int NUMBER = 40;

  /** Bytes of a signal set as the kernel takes it; the C library's is longer. */
  private static final int KERNEL_SET_BYTES = 8;

  private static final int LIBRARY_SET_BYTES = 128;

  /** A JVM never changes it: it does not fork. */
  private static final int PROCESS = Libc.getpid();

  private final Arena arena = Arena.ofAuto();
  private final MemorySegment set = arena.allocate(LIBRARY_SET_BYTES, 8);
  private final MemorySegment noTime = arena.allocate(timespec.layout());
  private final MemorySegment mask =
      arena.allocate(kvm_signal_mask.layout().byteSize() + KERNEL_SET_BYTES, 8);
  private final int thread;

  private final Thread owner = Thread.currentThread();

  private KickSignal() {
    this.thread = Libc.gettid();
    set.set(ValueLayout.JAVA_LONG, 0, 1L << (NUMBER - 1));
    MemorySegment old = arena.allocate(LIBRARY_SET_BYTES, 8);
    int result = Libc.pthreadSigmask(LinuxKvm.SIG_BLOCK(), set, old);
    if (result < 0) {
      throw new KvmException("pthread_sigmask", -1, -result);
    }
    kvm_signal_mask.len(mask, KERNEL_SET_BYTES);
    mask.set(
        ValueLayout.JAVA_LONG_UNALIGNED,
        kvm_signal_mask.layout().byteSize(),
        Libc.word(old) & ~(1L << (NUMBER - 1)));
  }

  /** Blocks the signal in the calling thread. */
  public static KickSignal ofThisThread() {
    return new KickSignal();
  }

  /** The thread's number. */
  public int thread() {
    return thread;
  }

  /** A {@code kvm_signal_mask}: what this thread blocks, without the signal. */
  MemorySegment maskInsideRun() {
    return mask;
  }

  /** Whether the calling thread is the one that it goes to. */
  boolean isOfThisThread() {
    return Thread.currentThread() == owner;
  }

  /** Takes away whatever is pending. Called by the thread itself; on its hot path only after KVM_RUN was interrupted. */
  void drain() {
    int result;
    do {
      result = Libc.sigtimedwait(set, noTime);
    } while (result >= 0 || result == -Errno.EINTR);
    if (result != -Errno.EAGAIN) {
      throw new KvmException("sigtimedwait", -1, -result);
    }
  }

  /** Sends the signal. Any thread; a thread that has ended is passed over. */
  void send() {
    int result = Libc.tgkill(PROCESS, thread, NUMBER);
    if (result < 0 && result != -Errno.ESRCH) {
      throw new KvmException("tgkill", -1, -result);
    }
  }
}

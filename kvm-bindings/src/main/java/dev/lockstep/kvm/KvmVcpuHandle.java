package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_interrupt;
import dev.lockstep.kvm.layout.kvm_mp_state;
import dev.lockstep.kvm.layout.kvm_run;
import dev.lockstep.kvm.layout.kvm_translation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU inside the kernel. Owned by one thread, which calls {@link #bindToThread} once; only {@link #kick} may be called by others. Structures are handed in as segments with the generated layouts; no
 * call on the path of a run makes a Java object.
 */
public final class KvmVcpuHandle implements AutoCloseable {
  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
  private static final long IMMEDIATE_EXIT = kvm_run.immediate_exit$offset();
  private static final long KVM_RUN = LinuxKvm.KVM_RUN();

  /** Bytes of a page, the unit of KVM_DIRTY_LOG_PAGE_OFFSET. */
  private static final long PAGE = 4096;

  private final Arena arena = Arena.ofShared();
  private final AtomicBoolean kicked = new AtomicBoolean();
  private final MemorySegment errno = Libc.newErrnoState();
  private final MemorySegment run;
  private final MemorySegment interrupt = kvm_interrupt.allocate(arena);
  private final MemorySegment mpState = kvm_mp_state.allocate(arena);
  private final MemorySegment translation = kvm_translation.allocate(arena);
  private final int fd;
  private volatile @Nullable KickSignal signal;
  private boolean closed;

  KvmVcpuHandle(int fd, int mmapSize) {
    this.fd = fd;
    try {
      this.run =
          Libc.mmap(
              arena,
              mmapSize,
              LinuxKvm.PROT_READ() | LinuxKvm.PROT_WRITE(),
              LinuxKvm.MAP_SHARED(),
              fd,
              0);
    } catch (KvmException e) {
      arena.close();
      throw e;
    }
  }

  /** The vCPU's file descriptor. */
  public int fd() {
    return fd;
  }

  /** {@code struct kvm_run}, with the page of port data behind it; valid until {@link #close}. */
  public MemorySegment runArea() {
    return run;
  }

  /**
   * The vCPU's dirty ring, an array of {@code kvm_dirty_gfn} (KVM_CAP_DIRTY_LOG_RING must be enabled for the VM before the vCPU is made); valid until {@link #close}.
   *
   * @param bytes as enabled
   */
  public MemorySegment mapDirtyRing(long bytes) {
    return Libc.mmap(
        arena,
        bytes,
        LinuxKvm.PROT_READ() | LinuxKvm.PROT_WRITE(),
        LinuxKvm.MAP_SHARED(),
        fd,
        LinuxKvm.KVM_DIRTY_LOG_PAGE_OFFSET() * PAGE);
  }

  /** Makes the calling thread the owner: it blocks the kick signal, which KVM_RUN unblocks. A kick that came before ends the first run. */
  public void bindToThread() {
    KickSignal mine = KickSignal.ofThisThread();
    check("KVM_SET_SIGNAL_MASK", LinuxKvm.KVM_SET_SIGNAL_MASK(), mine.maskInsideRun());
    signal = mine;
  }

  /**
   * The owner gives the vCPU up, as its last act with it: kicks wait for the next owner from now on, and none is left behind for the thread. A thread that ends may not block the signal any more, which
   * would then end the process.
   */
  public void unbind() {
    KickSignal mine;
    synchronized (arena) {
      mine = signal;
      signal = null;
    }
    if (mine != null) {
      mine.drain();
    }
  }

  /**
   * KVM_RUN. The exit's reason is in {@link #runArea}.
   *
   * @return 0, or {@code -EINTR} (a kick, or immediate_exit) or {@code -EAGAIN} (the vCPU is not runnable)
   * @throws KvmException for any other error
   */
  public int run() {
    int result = Libc.ioctl(errno, fd, KVM_RUN, 0);
    return result < 0 ? refused(result) : result;
  }

  private int refused(int result) {
    if (result == -Errno.EINTR || result == -Errno.EAGAIN) {
      return result;
    }
    throw new KvmException("KVM_RUN", fd, -result);
  }

  /**
   * Makes the running or the next {@link #run} return {@code -EINTR}. Any thread; on a closed vCPU it does nothing. Kicks that nobody has taken yet are one.
   */
  public void kick() {
    if (kicked.compareAndSet(false, true)) {
      synchronized (arena) {
        if (closed) {
          return;
        }
        setImmediateExit(true);
        KickSignal owner = signal;
        if (owner != null) {
          owner.send();
        }
      }
    }
  }

  /**
   * Called by the owner when {@link #run} returned {@code -EINTR}: takes back the signal and immediate_exit, and tells whether there was a kick that had not been taken. False for an echo: a kick that was
   * taken while its signal was still under way.
   */
  public boolean takeKick() {
    KickSignal mine = signal;
    if (mine != null) {
      mine.drain();
    }
    setImmediateExit(false);
    // Last: a kick between the two lines sets immediate_exit again after this thread cleared it, so
    // it is at worst an echo.
    return kicked.getAndSet(false);
  }

  /** Whether a kick waits to be taken. */
  public boolean isKicked() {
    return kicked.get();
  }

  /** Sets kvm_run.immediate_exit: KVM_RUN completes what the last exit left open and returns {@code -EINTR} before any instruction. */
  public void setImmediateExit(boolean wanted) {
    BYTE.setVolatile(run, IMMEDIATE_EXIT, (byte) (wanted ? 1 : 0));
  }

  /** KVM_GET_REGS into a {@code kvm_regs}. */
  public void getRegs(MemorySegment into) {
    check("KVM_GET_REGS", LinuxKvm.KVM_GET_REGS(), into);
  }

  /** KVM_SET_REGS from a {@code kvm_regs}; pending exceptions are dropped by the kernel. */
  public void setRegs(MemorySegment from) {
    check("KVM_SET_REGS", LinuxKvm.KVM_SET_REGS(), from);
  }

  /** KVM_GET_SREGS into a {@code kvm_sregs}. */
  public void getSregs(MemorySegment into) {
    check("KVM_GET_SREGS", LinuxKvm.KVM_GET_SREGS(), into);
  }

  /** KVM_SET_SREGS from a {@code kvm_sregs}; EINVAL for a combination of CR0, CR4 and EFER that no CPU has. */
  public void setSregs(MemorySegment from) {
    check("KVM_SET_SREGS", LinuxKvm.KVM_SET_SREGS(), from);
  }

  /** KVM_GET_SREGS2 into a {@code kvm_sregs2}, with the PDPTRs; needs {@link Capability#SREGS2}. */
  public void getSregs2(MemorySegment into) {
    check("KVM_GET_SREGS2", LinuxKvm.KVM_GET_SREGS2(), into);
  }

  /** KVM_SET_SREGS2 from a {@code kvm_sregs2}; needs {@link Capability#SREGS2}. */
  public void setSregs2(MemorySegment from) {
    check("KVM_SET_SREGS2", LinuxKvm.KVM_SET_SREGS2(), from);
  }

  /** KVM_GET_FPU into a {@code kvm_fpu}. */
  public void getFpu(MemorySegment into) {
    check("KVM_GET_FPU", LinuxKvm.KVM_GET_FPU(), into);
  }

  /** KVM_SET_FPU from a {@code kvm_fpu}. */
  public void setFpu(MemorySegment from) {
    check("KVM_SET_FPU", LinuxKvm.KVM_SET_FPU(), from);
  }

  /** KVM_GET_XSAVE into a {@code kvm_xsave} of 4096 bytes. */
  public void getXsave(MemorySegment into) {
    check("KVM_GET_XSAVE", LinuxKvm.KVM_GET_XSAVE(), into);
  }

  /** KVM_SET_XSAVE from a {@code kvm_xsave} of 4096 bytes (more where {@link Capability#XSAVE2} says so). */
  public void setXsave(MemorySegment from) {
    check("KVM_SET_XSAVE", LinuxKvm.KVM_SET_XSAVE(), from);
  }

  /** KVM_GET_XCRS into a {@code kvm_xcrs}. */
  public void getXcrs(MemorySegment into) {
    check("KVM_GET_XCRS", LinuxKvm.KVM_GET_XCRS(), into);
  }

  /** KVM_SET_XCRS from a {@code kvm_xcrs}. */
  public void setXcrs(MemorySegment from) {
    check("KVM_SET_XCRS", LinuxKvm.KVM_SET_XCRS(), from);
  }

  /** KVM_GET_DEBUGREGS into a {@code kvm_debugregs}. */
  public void getDebugRegs(MemorySegment into) {
    check("KVM_GET_DEBUGREGS", LinuxKvm.KVM_GET_DEBUGREGS(), into);
  }

  /** KVM_SET_DEBUGREGS from a {@code kvm_debugregs}. */
  public void setDebugRegs(MemorySegment from) {
    check("KVM_SET_DEBUGREGS", LinuxKvm.KVM_SET_DEBUGREGS(), from);
  }

  /** KVM_GET_VCPU_EVENTS into a {@code kvm_vcpu_events}. */
  public void getEvents(MemorySegment into) {
    check("KVM_GET_VCPU_EVENTS", LinuxKvm.KVM_GET_VCPU_EVENTS(), into);
  }

  /** KVM_SET_VCPU_EVENTS from a {@code kvm_vcpu_events}. */
  public void setEvents(MemorySegment from) {
    check("KVM_SET_VCPU_EVENTS", LinuxKvm.KVM_SET_VCPU_EVENTS(), from);
  }

  /** KVM_GET_MP_STATE: one of KVM_MP_STATE_*. */
  public int getMpState() {
    check("KVM_GET_MP_STATE", LinuxKvm.KVM_GET_MP_STATE(), mpState);
    return kvm_mp_state.mp_state(mpState);
  }

  /** KVM_SET_MP_STATE. */
  public void setMpState(int state) {
    kvm_mp_state.mp_state(mpState, state);
    check("KVM_SET_MP_STATE", LinuxKvm.KVM_SET_MP_STATE(), mpState);
  }

  /**
   * KVM_GET_MSRS into a {@code kvm_msrs} with its entries' indices filled in.
   *
   * @return how many were read; the entry of that number is the first that this KVM does not have
   */
  public int getMsrs(MemorySegment msrs) {
    return check("KVM_GET_MSRS", LinuxKvm.KVM_GET_MSRS(), msrs);
  }

  /**
   * KVM_SET_MSRS from a {@code kvm_msrs}.
   *
   * @return how many were set; the entry of that number was refused
   */
  public int setMsrs(MemorySegment msrs) {
    return check("KVM_SET_MSRS", LinuxKvm.KVM_SET_MSRS(), msrs);
  }

  /** KVM_SET_CPUID2: what CPUID answers; leaves that are not in the list answer zeroes. Before the first run. */
  public void setCpuid(List<CpuidEntry> entries) {
    try (Arena once = Arena.ofConfined()) {
      check("KVM_SET_CPUID2", LinuxKvm.KVM_SET_CPUID2(), Kvm.CpuidTable.of(once, entries));
    }
  }

  /** KVM_INTERRUPT: queues an external interrupt of vector 0..255; the guest must be ready for it (kvm_run.ready_for_interrupt_injection). */
  public void interrupt(int vector) {
    kvm_interrupt.irq(interrupt, vector);
    check("KVM_INTERRUPT", LinuxKvm.KVM_INTERRUPT(), interrupt);
  }

  /** KVM_NMI. */
  public void nmi() {
    Kvm.checked("KVM_NMI", fd, LinuxKvm.KVM_NMI(), 0);
  }

  /** KVM_SET_GUEST_DEBUG from a {@code kvm_guest_debug}. */
  public void guestDebug(MemorySegment debug) {
    check("KVM_SET_GUEST_DEBUG", LinuxKvm.KVM_SET_GUEST_DEBUG(), debug);
  }

  /**
   * KVM_TRANSLATE: the guest-physical address of a linear one by the guest's own page tables, or -1.
   */
  public long translate(long linear) {
    kvm_translation.linear_address(translation, linear);
    check("KVM_TRANSLATE", LinuxKvm.KVM_TRANSLATE(), translation);
    return kvm_translation.valid(translation) == 0
        ? -1
        : kvm_translation.physical_address(translation);
  }

  private int check(String name, long request, MemorySegment argument) {
    int result = Libc.ioctl(errno, fd, request, argument);
    if (result < 0) {
      throw new KvmException(name, fd, -result);
    }
    return result;
  }

  /** Unmaps {@link #runArea} and closes the descriptor; the owner is not inside {@link #run}. */
  @Override
  public void close() {
    KickSignal mine;
    synchronized (arena) {
      if (closed) {
        return;
      }
      closed = true;
      mine = signal;
      arena.close();
      Libc.close(fd);
    }
    if (mine != null && mine.isOfThisThread()) {
      mine.drain();
    }
  }
}

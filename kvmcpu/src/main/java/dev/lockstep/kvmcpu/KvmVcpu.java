package dev.lockstep.kvmcpu;

import dev.lockstep.counting.CountableVcpu;
import dev.lockstep.counting.Stop;
import dev.lockstep.counting.Transition;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.PointMark;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.KickTimer;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.util.function.Consumer;

/**
 * A vCPU of the kernel, in a VM of its own. How it keeps the contract is told in the package's documentation; what it cannot keep by itself is there too: {@link #branchCount} is a measure of work, {@link #runTo} is refused.
 * With a counter over it ({@link dev.lockstep.counting.HardwareCountedVcpu}) it keeps that as well.
 */
public final class KvmVcpu implements CountableVcpu {
  /** Branches that the finisher goes on by itself when it has to have the guest for long. */
  private static final long FINISHER_SLICE = 100_000;

  /** How long a free run lasts at most. */
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private final CpuModel model;
  private final BranchSemantics semantics;
  private final KvmGuest guest;
  private final long unitNanos;

  /** The breakpoint, or -1. */
  private long breakpoint = -1;

  private KvmVcpu(CpuModel model, BranchSemantics semantics, long unitNanos, KvmGuest guest) {
    this.model = model;
    this.semantics = semantics;
    this.unitNanos = unitNanos;
    this.guest = guest;
  }

  /**
   * Makes a VM with one vCPU over that memory.
   *
   * @param kvm the device; may be closed afterwards
   * @param traits what was found on this host
   * @param memory page-aligned on the host; every region becomes a slot
   * @throws VmmException if this host's KVM lacks a capability (named) or cannot give the model (features named), or refuses the memory
   */
  public static KvmVcpu create(
      Kvm kvm,
      HostTraits traits,
      CpuModel model,
      GuestMemory memory,
      BranchSemantics semantics,
      Finisher finisher) {
    try {
      KvmHost.require(kvm::has);
      KvmCpuid.require(model, kvm.supportedCpuid());
      return new KvmVcpu(
          model,
          semantics,
          KvmHost.unitNanos(traits),
          new KvmGuest(kvm, traits, model, memory, semantics, finisher));
    } catch (KvmException e) {
      throw new VmmException("KVM: " + e.getMessage(), e.advice(), e);
    }
  }

  @Override
  public CpuModel model() {
    return model;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return semantics;
  }

  @Override
  public VcpuExit run(long limitCount) {
    KickTimer timer = guest.begin();
    VcpuExit exit = guest.resume();
    return exit != null ? exit : enter(limitCount, timer);
  }

  private VcpuExit enter(long limitCount, KickTimer timer) {
    boolean timed = limitCount < Long.MAX_VALUE / unitNanos;
    while (true) {
      if (timed) {
        long left = limitCount * unitNanos - guest.entries().nanos();
        if (left <= 0) {
          VcpuExit exit = guest.settle();
          return exit != null ? exit : VcpuExit.Deadline.DEADLINE;
        }
        // Each time: it goes by the host's clock, and may have come before the work was done. Not
        // stopped at an exit: most deadlines are far away, and a signal that comes early costs less
        // than two system calls a run.
        timer.setWithin(left);
      }
      VcpuExit exit = guest.once(FINISHER_SLICE);
      if (exit != null) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    throw new VmmException(
        "the kvm engine has no exact branch counter on this host, so it cannot run to "
            + target.toString(),
        "Replay with --engine soft.");
  }

  @Override
  public Stop runFree() {
    KickTimer timer = guest.begin();
    VcpuExit exit = guest.resume();
    long elsewhere = guest.finisherBranches();
    timer.setWithin(PATIENCE_NANOS);
    while (exit == null) {
      exit = guest.once(0);
      Stop.Paused paused = guest.paused();
      if (exit == null && paused != null) {
        return paused;
      }
      if (exit == null && breakpoint >= 0 && guest.finisherStandsAt(breakpoint)) {
        return Stop.Paused.BREAKPOINT;
      }
      if (exit == null && guest.finisherBranches() != elsewhere) {
        return Stop.Paused.INTERRUPTED;
      }
    }
    return new Stop.Exit(exit);
  }

  @Override
  public boolean setBreakpoint(long rip) {
    boolean set = guest.setBreakpoint(rip);
    breakpoint = set ? rip : -1;
    return set;
  }

  @Override
  public void clearBreakpoint() {
    breakpoint = -1;
    guest.clearBreakpoint();
  }

  @Override
  public void own() {
    guest.begin();
  }

  @Override
  public void setTransitionObserver(Consumer<Transition> observer) {
    guest.entries().setObserver(observer);
  }

  @Override
  public long branchesElsewhere() {
    return guest.finisherBranches();
  }

  @Override
  public boolean midInstruction() {
    return guest.midInstruction();
  }

  @Override
  public boolean hasEvent() {
    return guest.hasEvent();
  }

  @Override
  public VcpuExit step() {
    return guest.step();
  }

  @Override
  public void kick() {
    guest.kick();
  }

  @Override
  public long branchCount() {
    return guest.entries().nanos() / unitNanos;
  }

  @Override
  public void setBranchCount(long count) {
    guest.entries().setNanos(count * unitNanos);
  }

  @Override
  public ExecutionPoint point() {
    return guest.point(branchCount());
  }

  @Override
  public void markPoint(PointMark into) {
    guest.markPoint(branchCount(), into);
  }

  /** Only those that the finisher executed: nobody counts what the hardware does. */
  @Override
  public long instructionsExecuted() {
    return guest.instructionsExecuted();
  }

  /** Instructions that KVM's emulator refused and the finisher executed. */
  public long instructionsFinished() {
    return guest.instructionsFinished();
  }

  /** Instructions that the processor itself has stepped. */
  public long instructionsStepped() {
    return guest.instructionsStepped();
  }

  @Override
  public void getState(CpuState into) {
    guest.getState(into);
  }

  @Override
  public void setState(CpuState from) {
    guest.setState(from);
  }

  @Override
  public boolean interruptible() {
    return guest.interruptible();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    guest.requestInterruptWindow(wanted);
  }

  @Override
  public void injectInterrupt(int vector) {
    guest.injectInterrupt(vector);
  }

  @Override
  public void injectNmi() {
    guest.injectNmi();
  }

  @Override
  public void injectException(int vector, int errorCode) {
    guest.injectException(vector, errorCode);
  }

  @Override
  public void collectDirty() {
    guest.collectDirty();
  }

  @Override
  public void release() {
    guest.release();
  }

  @Override
  public void close() {
    guest.close();
  }
}

package dev.lockstep.counting.anchor;

import dev.lockstep.counting.OuterVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.PointMark;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import org.jspecify.annotations.Nullable;

/**
 * Any engine, counted by {@link BranchSemantics#ANCHORS}: {@link #branchCount} is the number of exits that the guest has made.
 *
 * <p>The vCPU stands <i>at an anchor</i> when it stands at the boundary just behind an instruction that exited (a read is completed first), or where its state was set. Limits, kicks and the interrupt window are looked at
 * there and nowhere else, so what a caller does in between two runs is done at a moment that has a name. Two exceptions, where {@link #isAtAnchor} is false: an exit that is no anchor (a model-specific register, a
 * triple fault), and a guest that has made no exit for so long that patience is over, which comes back as {@link VcpuExit.Kicked}.
 *
 * <p>An injected event closes the anchor: the next run leads away from it before anything else can happen there.
 */
public final class AnchoredVcpu extends OuterVcpu {
  /** How long a guest may go on without an exit before it is given back, unless said otherwise: nanoseconds of the thread's CPU time, so that a busy host takes nothing of it. */
  public static final long PATIENCE_NANOS = 30_000_000;

  /** Bounds of a stretch between two looks at the clock, in the engine's own counts. */
  private static final long MIN_STRETCH = 16, MAX_STRETCH = 1 << 20;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final long patienceNanos;
  private long anchors;
  private boolean atAnchor = true;

  /** The guest stands on an instruction that waits for the answer to its exit. */
  private boolean answering;

  /** HLT was an anchor already. */
  private boolean halted;

  private boolean windowWanted;
  private volatile boolean kicked;
  private long stretch = 1024;

  /** The engine's own count at the last anchor. */
  private long anchorWork;

  /** How much work behind an anchor the guest is given back, if it makes no exit before. */
  private long workLimit = Long.MAX_VALUE;

  /**
   * @param vcpu becomes this one's: nobody else may run or close it
   */
  public AnchoredVcpu(Vcpu vcpu) {
    this(vcpu, PATIENCE_NANOS);
  }

  /** With another patience. */
  AnchoredVcpu(Vcpu vcpu, long patienceNanos) {
    super(vcpu);
    this.patienceNanos = patienceNanos;
    anchorWork = vcpu.branchCount();
  }

  /** Whether the point at which the vCPU stands is one that every other execution comes by. */
  public boolean isAtAnchor() {
    return atAnchor;
  }

  /** Whether an interrupt could be delivered where the vCPU stands, anchor or not. */
  public boolean isOpen() {
    return !answering && inner.interruptible();
  }

  /** Takes the boundary where the vCPU stands for an anchor, though no other execution may find it. The owner has said so in its log. */
  public void makeDo() {
    atAnchor = true;
  }

  /** The engine's own count: a measure of the work that the guest has done, the same in no two executions. */
  public long work() {
    return inner.branchCount();
  }

  /** The work that the guest has done since the last anchor. */
  public long workSinceAnchor() {
    return inner.branchCount() - anchorWork;
  }

  /**
   * From now on a guest that makes no exit is given back, as {@link VcpuExit.Kicked}, about where it has done so much work since the last anchor; before that if patience is over.
   *
   * @param workSinceAnchor in the engine's own counts; {@link Long#MAX_VALUE} for no such bound
   */
  public void limitWork(long workSinceAnchor) {
    workLimit = workSinceAnchor;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return BranchSemantics.ANCHORS;
  }

  @Override
  public VcpuExit run(long limitCount) {
    VcpuExit exit = completeAnswered();
    if (exit != null) {
      return exit;
    }
    if (atAnchor) {
      if (anchors >= limitCount) {
        return VcpuExit.Deadline.DEADLINE;
      }
      exit = standing();
    }
    return exit != null ? exit : leave();
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    VcpuExit exit = completeAnswered();
    if (exit != null) {
      return exit;
    }
    if (atAnchor) {
      if (anchors > target.branchCount()) {
        return VcpuExit.PointMissed.POINT_MISSED;
      }
      if (anchors == target.branchCount() && standsAt(target)) {
        return VcpuExit.PointReached.POINT_REACHED;
      }
      exit = standing();
    }
    return exit != null ? exit : leave();
  }

  private boolean standsAt(ExecutionPoint target) {
    ExecutionPoint here = inner.point();
    return here.rip() == target.rip() && here.rcx() == target.rcx();
  }

  /** What is looked at at an anchor, behind the limit; null to go on. */
  private @Nullable VcpuExit standing() {
    if (kicked) {
      kicked = false;
      return VcpuExit.Kicked.KICKED;
    }
    return windowWanted && inner.interruptible() ? VcpuExit.InterruptWindow.INTERRUPT_WINDOW : null;
  }

  /** Completes a read with its answer, so that the vCPU stands behind it; an exit if that made one. */
  private @Nullable VcpuExit completeAnswered() {
    if (!answering) {
      return null;
    }
    answering = false;
    VcpuExit exit = inner.step();
    return exit instanceof VcpuExit.Stepped ? null : anchored(exit);
  }

  /** Runs to the next exit, or until patience is over. */
  private VcpuExit leave() {
    long started = THREADS.getCurrentThreadCpuTime();
    long looked = started;
    while (true) {
      long left = Math.max(1, workLimit - workSinceAnchor());
      VcpuExit exit = inner.run(inner.branchCount() + Math.min(stretch, left));
      boolean nothing = exit instanceof VcpuExit.Deadline || exit instanceof VcpuExit.Kicked;
      if (!nothing) {
        return anchored(exit);
      }
      atAnchor = false;
      if (workSinceAnchor() >= workLimit) {
        kicked = false;
        return VcpuExit.Kicked.KICKED;
      }
      long now = THREADS.getCurrentThreadCpuTime();
      if (now - started >= patienceNanos) {
        kicked = false;
        return VcpuExit.Kicked.KICKED;
      }
      adapt(exit instanceof VcpuExit.Deadline, now - looked);
      looked = now;
    }
  }

  /** A stretch should take a fraction of the patience, whatever the engine counts. */
  private void adapt(boolean whole, long nanos) {
    if (nanos > patienceNanos / 4) {
      stretch = Math.max(MIN_STRETCH, stretch / 2);
    } else if (whole && nanos < patienceNanos / 16) {
      stretch = Math.min(MAX_STRETCH, stretch * 2);
    }
  }

  /** Counts an exit, if it is an anchor. */
  private VcpuExit anchored(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.PortRead it -> atRead();
      case VcpuExit.MmioRead it -> atRead();
      case VcpuExit.PortWrite it -> atAnchor();
      case VcpuExit.MmioWrite it -> atAnchor();
      case VcpuExit.Halt it -> {
        if (!halted) {
          halted = true;
          atAnchor();
        }
      }
      case VcpuExit.MsrRead it -> atAnchor = false;
      case VcpuExit.MsrWrite it -> atAnchor = false;
      case VcpuExit.Shutdown it -> atAnchor = false;
      case VcpuExit.Unsupported it -> atAnchor = false;
      case VcpuExit.Stepped it -> atAnchor = false;
      case VcpuExit.InterruptWindow it -> throw unasked(exit);
      case VcpuExit.Deadline it -> throw unasked(exit);
      case VcpuExit.Kicked it -> throw unasked(exit);
      case VcpuExit.PointReached it -> throw unasked(exit);
      case VcpuExit.PointMissed it -> throw unasked(exit);
    }
    return exit;
  }

  private static IllegalStateException unasked(VcpuExit exit) {
    return new IllegalStateException("the engine came back with " + exit + ", unasked");
  }

  private void atRead() {
    atAnchor();
    answering = true;
  }

  private void atAnchor() {
    anchors++;
    atAnchor = true;
    anchorWork = inner.branchCount();
  }

  @Override
  public VcpuExit step() {
    if (answering) {
      VcpuExit exit = completeAnswered();
      return exit != null ? exit : VcpuExit.Stepped.STEPPED;
    }
    return anchored(inner.step());
  }

  @Override
  public void kick() {
    kicked = true;
    inner.kick();
  }

  @Override
  public long branchCount() {
    return anchors;
  }

  @Override
  public void setBranchCount(long count) {
    anchors = count;
  }

  @Override
  public ExecutionPoint point() {
    ExecutionPoint here = inner.point();
    return new ExecutionPoint(anchors, here.rip(), here.rcx());
  }

  @Override
  public void markPoint(PointMark into) {
    inner.markPoint(into);
    into.set(anchors, into.rip(), into.rcx(), 0);
  }

  @Override
  public void setState(CpuState from) {
    inner.setState(from);
    answering = false;
    halted = from.halted;
    atAnchor = true;
    anchorWork = inner.branchCount();
  }

  @Override
  public boolean interruptible() {
    return atAnchor && !answering && inner.interruptible();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }

  @Override
  public void injectInterrupt(int vector) {
    super.injectInterrupt(vector);
    injected();
  }

  @Override
  public void injectNmi() {
    super.injectNmi();
    injected();
  }

  @Override
  public void injectException(int vector, int errorCode) {
    super.injectException(vector, errorCode);
    injected();
  }

  private void injected() {
    halted = false;
    atAnchor = false;
  }
}

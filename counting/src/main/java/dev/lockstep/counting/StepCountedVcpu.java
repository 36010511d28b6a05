package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * An engine that keeps the whole contract, deadlines and points included, by doing nothing but steps of another one ({@link SteppedVcpu}). Slow, and exact on every host: nothing depends on a counter, a skid or a
 * breakpoint.
 */
public final class StepCountedVcpu extends OuterVcpu {
  private final SteppedVcpu stepped;
  private boolean windowWanted;
  private volatile boolean kicked;

  /**
   * @param vcpu becomes this one's: nobody else may run or close it
   * @param memory its memory
   * @param semantics what to count
   */
  public StepCountedVcpu(Vcpu vcpu, GuestMemory memory, BranchSemantics semantics) {
    super(vcpu);
    this.stepped = new SteppedVcpu(vcpu, memory, semantics, 1);
  }

  @Override
  public BranchSemantics branchSemantics() {
    return stepped.branchSemantics();
  }

  @Override
  public VcpuExit run(long limitCount) {
    while (true) {
      VcpuExit exit = next(limitCount);
      if (exit != VcpuExit.Stepped.STEPPED) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    while (true) {
      if (!stepped.midInstruction()) {
        if (branchCount() > target.branchCount()) {
          return VcpuExit.PointMissed.POINT_MISSED;
        }
        if (branchCount() == target.branchCount() && standsAt(target)) {
          return VcpuExit.PointReached.POINT_REACHED;
        }
      }
      VcpuExit exit = next(Long.MAX_VALUE);
      if (exit != VcpuExit.Stepped.STEPPED) {
        return exit;
      }
    }
  }

  private boolean standsAt(ExecutionPoint target) {
    ExecutionPoint here = point();
    return here.rip() == target.rip()
        && here.rcx() == target.rcx()
        && (target.digest() == 0 || target.digest() == here.digest());
  }

  /** What is due at this boundary before the next step, or that step. */
  private VcpuExit next(long limitCount) {
    if (!stepped.midInstruction() && !stepped.hasEvent()) {
      VcpuExit due = due(limitCount);
      if (due != null) {
        return due;
      }
    }
    return step();
  }

  private @Nullable VcpuExit due(long limitCount) {
    if (branchCount() >= limitCount) {
      return VcpuExit.Deadline.DEADLINE;
    }
    if (kicked) {
      kicked = false;
      return VcpuExit.Kicked.KICKED;
    }
    return windowWanted && inner.interruptible() ? VcpuExit.InterruptWindow.INTERRUPT_WINDOW : null;
  }

  @Override
  public VcpuExit step() {
    return switch (stepped.step()) {
      case Stop.Exit it -> it.exit();
      case Stop.Paused it -> VcpuExit.Stepped.STEPPED;
    };
  }

  @Override
  public void kick() {
    kicked = true;
  }

  @Override
  public long branchCount() {
    return stepped.branchCount();
  }

  @Override
  public void setBranchCount(long count) {
    stepped.restored(count);
  }

  @Override
  public ExecutionPoint point() {
    stepped.hasEvent();
    return stepped.point();
  }

  @Override
  public void setState(CpuState from) {
    inner.setState(from);
    stepped.restored(branchCount());
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }
}

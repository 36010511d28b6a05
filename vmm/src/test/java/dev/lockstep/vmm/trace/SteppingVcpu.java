package dev.lockstep.vmm.trace;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;

/** A vCPU that is stepped from instruction to instruction, and tells of each by the engine's own word: no observer is involved. */
abstract class SteppingVcpu implements Vcpu {
  final Vcpu inner;
  private boolean completes;
  private boolean injected;
  private boolean windowWanted;
  private volatile boolean kicked;
  private long executedBefore;

  /** Where the step began. */
  ExecutionPoint standing = new ExecutionPoint(0, 0, 0);

  SteppingVcpu(Vcpu inner) {
    this.inner = inner;
  }

  /** A step is about to be made. */
  abstract void before();

  /**
   * A step was made.
   *
   * @param executed the instructions that completed: 0 if something was delivered
   */
  abstract void after(long executed, ExecutionPoint now);

  @Override
  public VcpuExit run(long limitCount) {
    while (true) {
      if (!completes && !injected) {
        if (inner.branchCount() >= limitCount) {
          return VcpuExit.Deadline.DEADLINE;
        }
        if (kicked) {
          kicked = false;
          return VcpuExit.Kicked.KICKED;
        }
        if (windowWanted && inner.interruptible()) {
          return VcpuExit.InterruptWindow.INTERRUPT_WINDOW;
        }
      }
      VcpuExit exit = step();
      if (!(exit instanceof VcpuExit.Stepped)) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    while (true) {
      if (!completes) {
        if (inner.point().equals(target)) {
          return VcpuExit.PointReached.POINT_REACHED;
        }
        if (inner.branchCount() > target.branchCount()) {
          return VcpuExit.PointMissed.POINT_MISSED;
        }
        if (!injected && kicked) {
          kicked = false;
          return VcpuExit.Kicked.KICKED;
        }
        if (!injected && windowWanted && inner.interruptible()) {
          return VcpuExit.InterruptWindow.INTERRUPT_WINDOW;
        }
      }
      VcpuExit exit = step();
      if (!(exit instanceof VcpuExit.Stepped)) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit step() {
    if (!completes) {
      standing = inner.point();
      executedBefore = inner.instructionsExecuted();
      before();
    }
    VcpuExit exit = inner.step();
    completes = exit instanceof VcpuExit.PortRead || exit instanceof VcpuExit.MmioRead;
    injected = false;
    if (!completes) {
      long executed = inner.instructionsExecuted() - executedBefore;
      ExecutionPoint now = inner.point();
      if (executed == 0 && now.equals(standing)) {
        throw new AssertionError("a step without effect at " + standing);
      }
      after(executed, now);
    }
    return exit;
  }

  @Override
  public CpuModel model() {
    return inner.model();
  }

  @Override
  public BranchSemantics branchSemantics() {
    return inner.branchSemantics();
  }

  @Override
  public void kick() {
    kicked = true;
  }

  @Override
  public long branchCount() {
    return inner.branchCount();
  }

  @Override
  public void setBranchCount(long count) {
    inner.setBranchCount(count);
  }

  @Override
  public ExecutionPoint point() {
    return inner.point();
  }

  @Override
  public long instructionsExecuted() {
    return inner.instructionsExecuted();
  }

  @Override
  public void getState(CpuState into) {
    inner.getState(into);
  }

  @Override
  public void setState(CpuState from) {
    inner.setState(from);
  }

  @Override
  public boolean interruptible() {
    return !injected && inner.interruptible();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }

  @Override
  public void injectInterrupt(int vector) {
    injected = true;
    inner.injectInterrupt(vector);
  }

  @Override
  public void injectNmi() {
    inner.injectNmi();
  }

  @Override
  public void injectException(int vector, int errorCode) {
    inner.injectException(vector, errorCode);
  }

  @Override
  public void collectDirty() {
    inner.collectDirty();
  }

  @Override
  public void close() {
    inner.close();
  }
}

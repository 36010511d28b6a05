package dev.lockstep.ft.replica;

import dev.lockstep.counting.OuterVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.machine.MachineFactory;

/** A vCPU whose measure of its own work is wrong, as time is on a processor without a counter: what it is given after so much work comes early. */
final class SkewedVcpu extends OuterVcpu {
  private static final int REAL = 9;
  private static final int SAID = 10;

  private SkewedVcpu(Vcpu inner) {
    super(inner);
  }

  static MachineFactory factory() {
    return new MachineFactory(
        "soft",
        (model, semantics, memory, tsc) ->
            new SkewedVcpu(SoftVcpu.create(model, memory, tsc, semantics)));
  }

  @Override
  public BranchSemantics branchSemantics() {
    return inner.branchSemantics();
  }

  @Override
  public VcpuExit run(long limitCount) {
    // Never without a step forward: what is said does not grow with each branch.
    return inner.run(
        Math.max(inner.branchCount() + SAID, limitCount / SAID * REAL + limitCount % SAID));
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    throw new IllegalStateException("nobody counts here");
  }

  @Override
  public VcpuExit step() {
    return inner.step();
  }

  @Override
  public void kick() {
    inner.kick();
  }

  @Override
  public long branchCount() {
    return inner.branchCount() / REAL * SAID;
  }

  @Override
  public void setBranchCount(long count) {
    inner.setBranchCount(count / SAID * REAL);
  }

  @Override
  public ExecutionPoint point() {
    return inner.point();
  }

  @Override
  public void setState(CpuState from) {
    inner.setState(from);
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    inner.requestInterruptWindow(wanted);
  }
}

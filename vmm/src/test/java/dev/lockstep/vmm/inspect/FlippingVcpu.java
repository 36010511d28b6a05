package dev.lockstep.vmm.inspect;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;

/** An engine with a defect: as soon as the branch count has come to a number, a bit of guest memory is another. */
final class FlippingVcpu implements Vcpu {
  private final Vcpu vcpu;
  private final GuestMemory memory;
  private final long when;
  private final long address;

  FlippingVcpu(Vcpu vcpu, GuestMemory memory, long when, long address) {
    this.vcpu = vcpu;
    this.memory = memory;
    this.when = when;
    this.address = address;
  }

  /** The first boundary at that count: there and nowhere else. */
  private boolean flipsAfter(long before) {
    boolean due = before < when && vcpu.branchCount() >= when;
    if (due) {
      memory.write8(address, memory.read8(address) ^ 1);
    }
    return due;
  }

  @Override
  public VcpuExit run(long limitCount) {
    long before = vcpu.branchCount();
    VcpuExit exit = vcpu.run(before < when ? Math.min(when, limitCount) : limitCount);
    boolean flipped = flipsAfter(before);
    return flipped && exit instanceof VcpuExit.Deadline && vcpu.branchCount() < limitCount
        ? vcpu.run(limitCount)
        : exit;
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    long before = vcpu.branchCount();
    if (before < when && target.branchCount() >= when) {
      VcpuExit exit = vcpu.run(when);
      if (!flipsAfter(before) || !(exit instanceof VcpuExit.Deadline)) {
        return exit;
      }
    }
    return vcpu.runTo(target);
  }

  @Override
  public VcpuExit step() {
    long before = vcpu.branchCount();
    VcpuExit exit = vcpu.step();
    flipsAfter(before);
    return exit;
  }

  @Override
  public CpuModel model() {
    return vcpu.model();
  }

  @Override
  public BranchSemantics branchSemantics() {
    return vcpu.branchSemantics();
  }

  @Override
  public void kick() {
    vcpu.kick();
  }

  @Override
  public long branchCount() {
    return vcpu.branchCount();
  }

  @Override
  public void setBranchCount(long count) {
    vcpu.setBranchCount(count);
  }

  @Override
  public ExecutionPoint point() {
    return vcpu.point();
  }

  @Override
  public long instructionsExecuted() {
    return vcpu.instructionsExecuted();
  }

  @Override
  public void getState(CpuState into) {
    vcpu.getState(into);
  }

  @Override
  public void setState(CpuState from) {
    vcpu.setState(from);
  }

  @Override
  public boolean interruptible() {
    return vcpu.interruptible();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    vcpu.requestInterruptWindow(wanted);
  }

  @Override
  public void injectInterrupt(int vector) {
    vcpu.injectInterrupt(vector);
  }

  @Override
  public void injectNmi() {
    vcpu.injectNmi();
  }

  @Override
  public void injectException(int vector, int errorCode) {
    vcpu.injectException(vector, errorCode);
  }

  @Override
  public void collectDirty() {
    vcpu.collectDirty();
  }

  @Override
  public void close() {
    vcpu.close();
  }
}

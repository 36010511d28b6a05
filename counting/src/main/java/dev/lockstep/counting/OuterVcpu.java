package dev.lockstep.counting;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.Vcpu;

/** A vCPU that counts another one: what it does not see to itself is the inner one's. The inner one becomes this one's, and nobody else may run or close it. */
public abstract class OuterVcpu implements Vcpu {
  /** The one that is counted. */
  protected final Vcpu inner;

  /**
   * @param inner becomes this one's
   */
  protected OuterVcpu(Vcpu inner) {
    this.inner = inner;
  }

  @Override
  public final CpuModel model() {
    return inner.model();
  }

  @Override
  public final long instructionsExecuted() {
    return inner.instructionsExecuted();
  }

  @Override
  public final void getState(CpuState into) {
    inner.getState(into);
  }

  @Override
  public boolean interruptible() {
    return inner.interruptible();
  }

  @Override
  public void injectInterrupt(int vector) {
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
  public final void collectDirty() {
    inner.collectDirty();
  }

  @Override
  public void release() {
    inner.release();
  }

  @Override
  public void close() {
    inner.close();
  }
}

package dev.lockstep.kvmcpu;

import dev.lockstep.kvm.KickTimer;
import dev.lockstep.kvm.KvmVcpuHandle;
import org.jspecify.annotations.Nullable;

/** The thread that a vCPU belongs to: the one that last ran it. A machine may make and fill a vCPU on one thread and run it on another. */
final class Owner implements AutoCloseable {
  private @Nullable Thread thread;
  private @Nullable KickTimer timer;

  /** Makes the calling thread the owner; returns its timer. */
  KickTimer bind(KvmVcpuHandle vcpu) {
    KickTimer mine = timer;
    if (mine == null || thread != Thread.currentThread()) {
      close();
      thread = Thread.currentThread();
      vcpu.bindToThread();
      mine = new KickTimer();
      timer = mine;
    }
    return mine;
  }

  /** The owner gives the vCPU up. */
  void release(KvmVcpuHandle vcpu) {
    if (thread == Thread.currentThread()) {
      close();
      vcpu.unbind();
      thread = null;
    }
  }

  @Override
  public void close() {
    KickTimer old = timer;
    if (old != null) {
      old.close();
      timer = null;
    }
  }
}

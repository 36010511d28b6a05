package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.kvm.KvmVcpuHandle;

/** What the machine has injected since the last run, until the instruction that waits is complete and the kernel can have it. */
final class QueuedEvents {
  private int interrupt = -1;
  private int exception = -1;
  private int errorCode;

  /** An NMI was latched in the kernel, which may be unable to deliver it together with something else. */
  private boolean nmi;

  boolean any() {
    return interrupt >= 0 || exception >= 0 || nmi;
  }

  /** An interrupt or exception that will be delivered before the next instruction. */
  boolean delivers() {
    return interrupt >= 0 || exception >= 0;
  }

  void interrupt(int vector) {
    interrupt = vector;
  }

  void exception(int vector, int code) {
    exception = vector;
    errorCode = code;
  }

  void nmi() {
    nmi = true;
  }

  void clear() {
    interrupt = -1;
    exception = -1;
    nmi = false;
  }

  /** Shows them in a state that was read from the kernel. */
  void addTo(CpuState state) {
    if (interrupt >= 0) {
      state.pendingInterrupt = interrupt;
    }
    if (exception >= 0) {
      state.pendingException = exception;
      state.pendingErrorCode = errorCode;
    }
  }

  /** Hands them to the kernel, whose events {@code state} has just read; whether there is one that it delivers. */
  boolean deliver(KvmVcpuHandle vcpu, KvmState state) {
    if (exception >= 0) {
      state.queueException(exception, errorCode);
    }
    if (interrupt >= 0) {
      vcpu.interrupt(interrupt);
    }
    boolean delivers = delivers();
    clear();
    return delivers;
  }
}

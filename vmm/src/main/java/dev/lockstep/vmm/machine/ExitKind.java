package dev.lockstep.vmm.machine;

/** Kinds of exits of a guest, as {@link dev.lockstep.engine.VcpuExit} has them. */
public enum ExitKind {
  PORT_READ,
  PORT_WRITE,
  MMIO_READ,
  MMIO_WRITE,
  MSR_READ,
  MSR_WRITE,
  HALT,
  /** The guest can take an interrupt that waited for it. */
  INTERRUPT_WINDOW,
  /** The count has come to a timer's moment, or to another limit. */
  DEADLINE,
  /** Somebody wanted the vCPU to stop. */
  KICKED,
  /** A replay came to its point, or past it. */
  POINT,
  /** One instruction was stepped. */
  STEPPED,
  SHUTDOWN,
  UNSUPPORTED
}

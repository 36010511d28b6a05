package dev.lockstep.counting;

import dev.lockstep.engine.VcpuExit;

/** Why a {@link SeekableVcpu} came back. */
public sealed interface Stop {
  /** Reasons that are the seek's own business. The guest stands at a boundary. */
  enum Paused implements Stop {
    /** The armed overflow, or a signal that looked like it, or the engine's patience. What it means the count tells. */
    INTERRUPTED,

    /** The guest is about to execute the instruction at the breakpoint. */
    BREAKPOINT,

    /** What was to be stepped was stepped. */
    STEPPED
  }

  /**
   * An exit that is the machine's business, to be answered before the vCPU goes on. Never {@link VcpuExit.Deadline}, {@link VcpuExit.PointReached}, {@link VcpuExit.PointMissed} or {@link VcpuExit.Stepped}.
   *
   * @param exit the vCPU's own view, overwritten by its next exit
   */
  record Exit(VcpuExit exit) implements Stop {}
}

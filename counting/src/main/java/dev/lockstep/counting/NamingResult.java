package dev.lockstep.counting;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;

/** How far a {@link Naming} came. */
public sealed interface NamingResult {
  /**
   * The guest stands at a boundary that is the first of its name: {@link Seek} comes to it in another execution.
   *
   * @param point its name
   */
  record Named(ExecutionPoint point) implements NamingResult {}

  /**
   * An exit on the way. The caller answers it and calls {@link Naming#advance} again, or takes the exit for its anchor and drops the naming.
   *
   * @param exit the vCPU's own view, overwritten by its next exit
   */
  record Exited(VcpuExit exit) implements NamingResult {}

  /**
   * Within the bound no boundary had a name of its own: a loop without a counted branch, which memory alone tells apart, or interrupts closed for long. Wait for the guest's next exit, or mark the log.
   *
   * @param reason what was seen
   */
  record Ambiguous(String reason) implements NamingResult {}
}

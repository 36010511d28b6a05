package dev.lockstep.vmm.machine;

/**
 * The one gate that every output passes, on a live machine and on a replica. Called on the vCPU's thread, in the order
 * of the outputs.
 *
 * <ul>
 *   <li>Live: the output's own entry has been appended; the gate lets the output go when that entry is committed, which
 *       for a machine alone is at once.
 *   <li>Following: the output was compared with the primary's entry and is the same; the gate keeps it until it learns
 *       that the primary has released it, so that at go-live everything after the released watermark is sent again.
 * </ul>
 */
public interface OutputGate {
  /**
   * Takes the next output of its stream.
   *
   * @throws dev.lockstep.engine.VmmException if the gate is full and its bound of waiting is over
   */
  void offer(Output output);

  /**
   * The replica has consumed every entry it holds and is live from now on: what was kept is sent again, and the outputs
   * that follow have sequences of a new log, from 0 on.
   */
  default void goLive() {}
}

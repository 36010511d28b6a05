package dev.lockstep.vmm.trace;

/**
 * Where in an execution something is.
 *
 * @param instruction how many instructions came before it since the replay's beginning; each iteration of a repeated string instruction is one
 * @param branchCount the branch count before it, by the log's semantics
 * @param rip the instruction's offset in CS; of a delivery, that of the instruction before which it came
 * @param ring its CPL
 * @param nanos virtual time, or {@link #UNKNOWN}: instructions, branches and accesses have none
 */
public record TracePosition(long instruction, long branchCount, long rip, int ring, long nanos) {
  /** No virtual time is recorded. */
  public static final long UNKNOWN = -1;
}

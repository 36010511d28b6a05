package dev.lockstep.engine;

/**
 * One moment of one execution: the boundary before the instruction at {@code rip}, after {@code branchCount} branches.
 *
 * <p>Inside a repeated string instruction {@code rip} stays on the instruction and {@code rcx} tells the iterations apart.
 *
 * @param branchCount retired branches since the start of the log, by the log's {@link BranchSemantics}; not negative
 * @param rip the address, within CS, of the next instruction to execute
 * @param rcx the full RCX at that boundary; compared always, decisive only inside repeated string instructions
 * @param digest a digest of the general registers where the semantics let (count, RIP, RCX) repeat, else 0
 */
public record ExecutionPoint(long branchCount, long rip, long rcx, long digest) {

  /** A point under {@link BranchSemantics#ALL_TRANSFERS}, which needs no digest. */
  public ExecutionPoint(long branchCount, long rip, long rcx) {
    this(branchCount, rip, rcx, 0);
  }

  public ExecutionPoint {
    if (branchCount < 0) {
      throw new IllegalArgumentException("branch count " + branchCount + " is negative");
    }
  }

  @Override
  public String toString() {
    return digest == 0
        ? "%d@%#x rcx=%#x".formatted(branchCount, rip, rcx)
        : "%d@%#x rcx=%#x digest=%016x".formatted(branchCount, rip, rcx, digest);
  }
}

package dev.lockstep.engine;

/** An execution point that is remembered without an object for each: for who comes by many and seldom needs one. Mutable; its owner's thread. */
public final class PointMark {
  private long branchCount;
  private long rip;
  private long rcx;
  private long digest;

  /** Remembers a point, by the fields of {@link ExecutionPoint}. */
  public void set(long branchCount, long rip, long rcx, long digest) {
    this.branchCount = branchCount;
    this.rip = rip;
    this.rcx = rcx;
    this.digest = digest;
  }

  /** The address of the point. */
  public long rip() {
    return rip;
  }

  /** The RCX of the point. */
  public long rcx() {
    return rcx;
  }

  /** The digest of the point. */
  public long digest() {
    return digest;
  }

  /** Whether another remembers the same point. */
  public boolean isSame(PointMark other) {
    return branchCount == other.branchCount
        && rip == other.rip
        && rcx == other.rcx
        && digest == other.digest;
  }

  /** The point. */
  public ExecutionPoint toPoint() {
    return new ExecutionPoint(branchCount, rip, rcx, digest);
  }
}

package dev.lockstep.vmm.machine;

import dev.lockstep.engine.ExecutionPoint;

/**
 * Where a {@link ReplayCursor} stands: where the vCPU has arrived and nothing of what happens there has happened yet: no entry of the log has taken effect, no interrupt was injected.
 *
 * @param steps instructions and control transfers of the replay so far; goes up with every move of the vCPU, so that of two positions the later one has more
 * @param point the same for people, and for the engine
 */
public record Position(long steps, ExecutionPoint point) implements Comparable<Position> {
  /** The branch count. */
  public long count() {
    return point.branchCount();
  }

  @Override
  public int compareTo(Position other) {
    return Long.compare(steps, other.steps);
  }
}

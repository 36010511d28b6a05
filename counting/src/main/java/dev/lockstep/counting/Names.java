package dev.lockstep.counting;

import dev.lockstep.engine.ExecutionPoint;
import java.util.HashSet;
import java.util.Set;

/**
 * Tells which boundaries bear a name for the first time, fed with every boundary of an execution from one at which the count has just changed. Names repeat only within a stretch of equal count, so that is all it remembers.
 */
public final class Names {
  private final Set<ExecutionPoint> stretch = new HashSet<>();
  private long count = -1;

  /** The next boundary; true if no boundary before it bore its name. */
  public boolean isFirst(ExecutionPoint boundary) {
    if (boundary.branchCount() != count) {
      count = boundary.branchCount();
      stretch.clear();
    }
    return stretch.add(boundary);
  }
}

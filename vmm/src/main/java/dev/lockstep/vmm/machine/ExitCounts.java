package dev.lockstep.vmm.machine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** How often a guest has left its engine, by kind, since its machine was made. */
public final class ExitCounts {
  private static final ExitKind[] KINDS = ExitKind.values();

  private final long[] counts;

  ExitCounts() {
    this(new long[KINDS.length]);
  }

  private ExitCounts(long[] counts) {
    this.counts = counts;
  }

  /** One more. For the vCPU's thread, on counts of its own. */
  void add(ExitKind kind) {
    counts[kind.ordinal()]++;
  }

  /** These counts as they are now; others may read them. */
  ExitCounts copy() {
    return new ExitCounts(counts.clone());
  }

  /** Exits of a kind. */
  public long of(ExitKind kind) {
    return counts[kind.ordinal()];
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ExitCounts that && Arrays.equals(counts, that.counts);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(counts);
  }

  @Override
  public String toString() {
    return Arrays.toString(counts);
  }
}

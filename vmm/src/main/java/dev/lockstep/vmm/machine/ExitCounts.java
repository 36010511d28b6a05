package dev.lockstep.vmm.machine;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/** How often a guest has left its engine, by kind, since its machine was made. */
public final class ExitCounts {
  /** How many kinds there are. */
  static final int KINDS = ExitKind.values().length;

  private final long[] counts;

  ExitCounts() {
    this(new long[KINDS]);
  }

  private ExitCounts(long[] counts) {
    this.counts = counts;
  }

  /** One more. For the vCPU's thread, on counts of its own. */
  void add(ExitKind kind) {
    counts[kind.ordinal()]++;
  }

  /** Puts these counts as they are now where others may read them. */
  void tell(AtomicLongArray to, int from) {
    for (int i = 0; i < KINDS; i++) {
      to.lazySet(from + i, counts[i]);
    }
  }

  /** What {@link #tell} has put there. */
  static ExitCounts told(AtomicLongArray by, int from) {
    long[] counts = new long[KINDS];
    for (int i = 0; i < KINDS; i++) {
      counts[i] = by.get(from + i);
    }
    return new ExitCounts(counts);
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

package dev.lockstep.ft.core;

/**
 * A coarse, ordered name of a moment of the guest: enough to compare how far two replicas have come, not enough to stop at. Where the count stands still
 * because the guest is halted, its virtual time tells moments apart.
 *
 * @param branchCount retired branches; not negative
 * @param haltedNanos virtual time if the guest is halted there, else -1
 */
public record Position(long branchCount, long haltedNanos) implements Comparable<Position> {
  /** Power-on. */
  public static final Position START = new Position(0, -1);

  /** After everything. */
  static final Position END_OF_TIME = new Position(Long.MAX_VALUE, -1);

  /** A position of a running guest. */
  public static Position running(long branchCount) {
    return new Position(branchCount, -1);
  }

  @Override
  public int compareTo(Position other) {
    int byCount = Long.compare(branchCount, other.branchCount);
    return byCount != 0 ? byCount : Long.compare(haltedNanos, other.haltedNanos);
  }

  /** Whether this lies behind {@code other}. */
  public boolean isAfter(Position other) {
    return compareTo(other) > 0;
  }

  /** The later of the two. */
  public Position max(Position other) {
    return isAfter(other) ? this : other;
  }
}

package dev.lockstep.ft.wire;

/**
 * The versions of the protocol that a replica speaks: the messages, and what travels in them, which are log entries and checkpoints. A pair speaks the highest that both
 * do. A release speaks that of the release before, too, so that the hosts of a pair can be upgraded one after the other.
 *
 * @param lowest the oldest, at least 1
 * @param highest the newest
 */
public record ProtocolVersions(int lowest, int highest) {
  /**
   * What this program speaks. Version 1 had other checkpoints, which this program cannot read: a VM of such a release cannot be moved here while it runs.
   */
  public static final ProtocolVersions SPOKEN = new ProtocolVersions(2, 4);

  /** The first version whose progress marks may be promises. */
  public static final int PROMISES = 3;

  /** The first version whose checkpoints are sent while they are taken: what is known at the end only is at their end. */
  public static final int FLOWING_CHECKPOINTS = 4;

  /** What {@link #common} says if there is none. */
  public static final int NONE = 0;

  public ProtocolVersions {
    if (lowest < 1 || highest < lowest) {
      throw new IllegalArgumentException("versions %d to %d".formatted(lowest, highest));
    }
  }

  /** One version, and no other. */
  public static ProtocolVersions only(int version) {
    return new ProtocolVersions(version, version);
  }

  /** The version that two replicas speak with each other, by both's reckoning; {@link #NONE} if there is none. */
  public int common(ProtocolVersions other) {
    int version = Math.min(highest, other.highest);
    return version >= Math.max(lowest, other.lowest) ? version : NONE;
  }

  @Override
  public String toString() {
    return lowest == highest
        ? "version " + highest
        : "versions %d to %d".formatted(lowest, highest);
  }
}

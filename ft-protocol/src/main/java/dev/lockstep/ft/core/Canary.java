package dev.lockstep.ft.core;

/**
 * The rules of the protocol that the simulation breaks on purpose, one at a time, to show that it would notice. Production knows only {@link #NONE}; the
 * constructors that take another one are reachable from tests of this package alone.
 */
class Canary {
  static final Canary NONE = new Canary();

  /** Whether an output gets an entry of its own in the log. */
  boolean recordsOutputs() {
    return true;
  }

  /** Whether a backup waits at the last mark or record. */
  boolean heedsMarks() {
    return true;
  }

  /** Whether an output waits for what its commit asks for. */
  boolean waitsForMatch() {
    return true;
  }

  /** Whether a backup that goes live waits until the resynchronisation it has begun to apply is applied. */
  boolean appliesWhole() {
    return true;
  }

  /** Whether a primary that has handed over asks the arbiter before it goes on. */
  boolean asksAfterHandOver() {
    return true;
  }

  /** Whether a message of {@code theirs} is heard in {@code ours}. */
  boolean hears(long ours, long theirs) {
    return ours == theirs;
  }

  /** The watermark above which a new primary sends again. */
  long resendAfter(long releasedWatermark, long outputsProduced) {
    return releasedWatermark;
  }
}

package dev.lockstep.cli.demo;

import org.jspecify.annotations.Nullable;

/**
 * What a demo showed.
 *
 * @param fate what became of the guest
 * @param bootMillis from the primary's start to the guest's session; -1 if the primary was killed before
 * @param liveMillis from a kill until the backup was live, the longest; -1 if no replica took over
 * @param failoverMillis from a kill to the first new console byte, the longest; -1 if no replica took over
 * @param lines that came, without repetitions
 * @param lost lines that never came, though a replica had the guest
 * @param repeated lines that came more than once
 * @param lagMillis the backup's lag as the primary last saw it, or -1 where it said none
 * @param busyBytesPerSecond of log while the guest worked, or -1
 * @param idleBytesPerSecond of log while it slept, or -1
 * @param diskAgrees the file on the surviving disk has the same lines
 * @param problem what was wrong, or null
 */
public record DemoResult(
    Fate fate,
    long bootMillis,
    long liveMillis,
    long failoverMillis,
    int lines,
    int lost,
    int repeated,
    double lagMillis,
    double busyBytesPerSecond,
    double idleBytesPerSecond,
    boolean diskAgrees,
    @Nullable String problem) {

  /** What became of the guest. */
  public enum Fate {
    /** It went on in the backup. */
    WENT_ON,
    /** It moved to the backup before the kill, on a host too busy for heartbeats. */
    MOVED,
    /** The joining backup died, and it went on where it was. */
    STAYED,
    /** Its only replica died before the joining backup was in sync: nothing is contradicted, and what left is on its disk. */
    NOT_PROTECTED_YET,
    /** Something was wrong. */
    UNKNOWN
  }

  /** Nothing was lost, repeated or contradicted. */
  public boolean passed() {
    return problem == null && lost == 0 && repeated == 0 && diskAgrees && fate != Fate.UNKNOWN;
  }
}

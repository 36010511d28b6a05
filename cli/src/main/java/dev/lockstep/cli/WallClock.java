package dev.lockstep.cli;

import java.time.Instant;

/** The host's wall clock, which a new guest's RTC starts from. */
final class WallClock {
  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private WallClock() {}

  /** UTC now, in nanoseconds since 1970. */
  static long nanosSince1970() {
    Instant now = Instant.now();
    return now.getEpochSecond() * NANOS_PER_SECOND + now.getNano();
  }
}

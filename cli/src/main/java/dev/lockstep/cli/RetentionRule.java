package dev.lockstep.cli;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which logs and snapshots are kept. What is beyond any one of the bounds goes, the oldest first; the newest ones that are kept in any case count for all of them.
 *
 * @param atMost how many are kept, or null for any number
 * @param atLeast how many of the newest are kept whatever their age and size
 * @param olderThan what was last written longer ago goes, or null for any age
 * @param totalBytes how many bytes those that are kept may take up together, or null for any number
 */
record RetentionRule(
    @Nullable Integer atMost,
    int atLeast,
    @Nullable Duration olderThan,
    @Nullable Long totalBytes) {
  /** A rule that keeps so many of the newest. */
  static RetentionRule newest(int count) {
    return new RetentionRule(count, 0, null, null);
  }

  /**
   * Those that go.
   *
   * @param kept the newest first; such as are still written count, and stay
   */
  List<KeptMachine> superfluous(List<KeptMachine> kept, Instant now) {
    List<KeptMachine> superfluous = new ArrayList<>();
    long bytes = 0;
    int count = 0;
    for (KeptMachine each : kept) {
      boolean stays =
          each.isOpen()
              || count < atLeast
              || (atMost == null || count < atMost)
                  && (olderThan == null || !each.written().isBefore(now.minus(olderThan)))
                  && (totalBytes == null || bytes + each.bytes() <= totalBytes);
      if (stays) {
        count++;
        bytes += each.bytes();
      } else {
        superfluous.add(each);
      }
    }
    return superfluous.reversed();
  }
}

package dev.lockstep.cli.dashboard;

import dev.lockstep.ft.control.proto.ReplicationStatus;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmStatus;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The last samples of one VM. Not safe for use by several threads. */
final class SampleRing {
  private static final double NANOS_PER_SECOND = 1e9;

  /**
   * One look.
   *
   * @param timeMillis since 1970, by the host's clock
   * @param lagMillis how far the backup is behind; null where nobody follows
   * @param logBitsPerSecond log streamed or received since the look before; null where that cannot be said
   */
  record Sample(long timeMillis, @Nullable Long lagMillis, @Nullable Double logBitsPerSecond) {
    /** As the page gets it. */
    List<@Nullable Number> values() {
      return Arrays.asList(timeMillis, lagMillis, logBitsPerSecond);
    }
  }

  private final int capacity;
  private final ArrayDeque<Sample> samples = new ArrayDeque<>();
  private long lastNanos;
  private long lastBytes = -1;
  private VmRole lastRole = VmRole.VM_ROLE_UNSPECIFIED;

  /**
   * @param capacity how many are kept
   */
  SampleRing(int capacity) {
    this.capacity = capacity;
  }

  /** Takes one. */
  Sample take(VmStatus status, long timeMillis, long nowNanos) {
    Sample sample = new Sample(timeMillis, lag(status), rate(status, nowNanos));
    if (samples.size() == capacity) {
      samples.removeFirst();
    }
    samples.addLast(sample);
    return sample;
  }

  private static @Nullable Long lag(VmStatus status) {
    // Only who runs the guest knows how far the other is, and only while there is another.
    return switch (status.getProtection()) {
      case PROTECTION_STATE_PROTECTED, PROTECTION_STATE_DEGRADED, PROTECTION_STATE_STARTING ->
          status.getRole() == VmRole.VM_ROLE_PRIMARY
              ? Long.valueOf(status.getReplication().getLagMillis())
              : null;
      default -> null;
    };
  }

  private @Nullable Double rate(VmStatus status, long nowNanos) {
    if (!status.hasReplication()) {
      lastBytes = -1;
      return null;
    }
    ReplicationStatus replication = status.getReplication();
    long bytes = replication.getLogBytes();
    // The counter begins anew with the role.
    boolean continues =
        lastBytes >= 0
            && bytes >= lastBytes
            && status.getRole() == lastRole
            && nowNanos > lastNanos;
    Double rate =
        continues
            ? (Double) ((bytes - lastBytes) * Byte.SIZE * NANOS_PER_SECOND / (nowNanos - lastNanos))
            : null;
    lastBytes = bytes;
    lastNanos = nowNanos;
    lastRole = status.getRole();
    return rate;
  }

  /** All of them, the oldest first. */
  List<List<@Nullable Number>> values() {
    return samples.stream().map(Sample::values).toList();
  }
}

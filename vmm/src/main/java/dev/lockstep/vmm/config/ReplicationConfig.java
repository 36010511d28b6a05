package dev.lockstep.vmm.config;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How a machine is protected by a backup.
 *
 * @param maxLagMillis the backup's lag above which the primary is slowed: 10 to 60,000
 * @param heartbeatMillis each side speaks at least this often: 1 to 10,000
 * @param silenceMillis the other side is suspected after this long without a word; at least four heartbeats, at
 *     most 600,000
 * @param ackTimeoutMillis a backup that acknowledges nothing for this long is given up: 10 to 600,000
 * @param arbiterPath a folder that both sides share, for the decision who goes on alone; null for none
 */
public record ReplicationConfig(
    int maxLagMillis,
    int heartbeatMillis,
    int silenceMillis,
    int ackTimeoutMillis,
    @Nullable Path arbiterPath) {

  /** Ranges, each with its unit in the name. */
  static final int MIN_LAG_MILLIS = 10;

  static final int MAX_LAG_MILLIS = 60_000;
  static final int MIN_HEARTBEAT_MILLIS = 1;
  static final int MAX_HEARTBEAT_MILLIS = 10_000;
  static final int MIN_SILENCE_MILLIS = 4;
  static final int MAX_SILENCE_MILLIS = 600_000;
  static final int MIN_ACK_TIMEOUT_MILLIS = 10;
  static final int MAX_ACK_TIMEOUT_MILLIS = 600_000;

  /** Two lost heartbeats must not look like a failure. */
  static final int HEARTBEATS_IN_SILENCE = 4;

  /** A second of lag, heartbeats every 25 ms, suspicion after half a second. */
  public static ReplicationConfig defaults() {
    return new ReplicationConfig(1_000, 25, 500, 1_000, null);
  }
}

package dev.lockstep.vmm.config;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a machine is protected by a backup.
 *
 * @param maxLagMillis the backup's lag at which the primary is slowed as much as it may be; from half of it on it is slowed the more, the more that is: 10 to 60,000
 * @param heartbeatMillis each side speaks at least this often: 1 to 10,000
 * @param silenceMillis the other side is suspected after this long without a word; at least four heartbeats, at
 *     most 600,000
 * @param ackTimeoutMillis a backup that acknowledges nothing for this long is given up: 10 to 600,000
 * @param maxPauseMillis how long the guest may stand still while a backup joins: 1 to 60,000
 * @param commit when outputs of the protected guest leave
 * @param arbiter where it is decided who goes on alone: the absolute path of a folder that both sides share, or {@code etcd://…}; null for none
 * @param following how the backup keeps to the primary
 * @param checkpointSeconds with free-running following the two are made equal at least this often: 1 to 3,600
 */
public record ReplicationConfig(
    int maxLagMillis,
    int heartbeatMillis,
    int silenceMillis,
    int ackTimeoutMillis,
    int maxPauseMillis,
    Commit commit,
    @Nullable String arbiter,
    Following following,
    int checkpointSeconds) {

  /** When an output of a protected guest leaves. */
  public enum Commit {
    /** Once the backup's replay has produced the same. */
    MATCHED,
    /** Once the backup holds its log entry. */
    RECEIVED;

    /** Its name in configurations and options. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** That of a name; null if there is none. */
    public static @Nullable Commit of(String word) {
      for (Commit commit : values()) {
        if (commit.word().equals(word)) {
          return commit;
        }
      }
      return null;
    }
  }

  /** How a backup keeps to its primary. */
  public enum Following {
    /** To the instruction, by a branch count that both have. */
    EXACT("exact"),
    /** As nearly as it can without a counter; outputs are compared by what they say, and checkpoints make the two equal. */
    FREE_RUNNING("free-running");

    private final String optionName;

    Following(String optionName) {
      this.optionName = optionName;
    }

    /** The name in options and configurations. */
    public String optionName() {
      return optionName;
    }

    /** The one of that name. */
    public static Optional<Following> named(String name) {
      return Arrays.stream(values()).filter(it -> it.optionName.equals(name)).findFirst();
    }
  }

  /** That follows exactly. */
  public ReplicationConfig(
      int maxLagMillis,
      int heartbeatMillis,
      int silenceMillis,
      int ackTimeoutMillis,
      int maxPauseMillis,
      Commit commit,
      @Nullable String arbiter) {
    this(
        maxLagMillis,
        heartbeatMillis,
        silenceMillis,
        ackTimeoutMillis,
        maxPauseMillis,
        commit,
        arbiter,
        Following.EXACT,
        DEFAULT_CHECKPOINT_SECONDS);
  }

  /** Ranges, each with its unit in the name. */
  static final int MIN_LAG_MILLIS = 10;

  static final int MAX_LAG_MILLIS = 60_000;
  private static final int MATCHED_LAG_MILLIS = 40;
  private static final int LOG_LAG_MILLIS = 1_000;
  static final int MIN_HEARTBEAT_MILLIS = 1;
  static final int MAX_HEARTBEAT_MILLIS = 10_000;
  static final int MIN_SILENCE_MILLIS = 4;
  static final int MAX_SILENCE_MILLIS = 600_000;
  static final int MIN_ACK_TIMEOUT_MILLIS = 10;
  static final int MAX_ACK_TIMEOUT_MILLIS = 600_000;

  /** The shortest pause that can be asked for. */
  public static final int MIN_PAUSE_MILLIS = 1;

  /** The longest pause that can be asked for. */
  public static final int MAX_PAUSE_MILLIS = 60_000;

  /** Begins the name of an arbiter that is no folder. */
  static final String ETCD = "etcd:";

  static final int MIN_CHECKPOINT_SECONDS = 1;
  static final int MAX_CHECKPOINT_SECONDS = 3_600;

  /** What {@code checkpointSeconds} is unless said otherwise. */
  public static final int DEFAULT_CHECKPOINT_SECONDS = 20;

  /** Two lost heartbeats must not look like a failure. */
  static final int HEARTBEATS_IN_SILENCE = 4;

  /** 40 ms of lag, heartbeats every 25 ms, suspicion after half a second, pauses of at most 300 ms. */
  public static ReplicationConfig defaults() {
    return new ReplicationConfig(
        defaultMaxLagMillis(Commit.MATCHED), 25, 500, 1_000, 300, Commit.MATCHED, null);
  }

  /** What {@code maxLagMillis} is unless said otherwise: little where outputs wait for a replay that keeps up by itself, a second where none does. */
  public static int defaultMaxLagMillis(Commit commit) {
    return commit == Commit.MATCHED ? MATCHED_LAG_MILLIS : LOG_LAG_MILLIS;
  }
}

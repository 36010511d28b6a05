package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.Following;
import dev.lockstep.ft.core.Limits;
import dev.lockstep.ft.core.OutputCommit;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.core.Timing;
import dev.lockstep.ft.net.TransportLimits;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.ProtocolVersions;
import dev.lockstep.vmm.config.ReplicationConfig;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How one replica takes part in a pair.
 *
 * @param name unique among the replicas of the VM
 * @param programVersion for messages to people
 * @param listen where it listens for its peer; port 0 for any free one
 * @param peer where the other replica listens; null for a backup that waits to be invited
 * @param startPolicy what a primary does at power-on
 * @param commit when outputs of this replica leave while it is a protected primary
 * @param maxPauseMillis how long the guest may stand still for a checkpoint
 * @param workFolder for checkpoints on their way; they hold guest secrets
 * @param tls how this replica shows its peer who it is, and what it demands of it; null for connections in the clear
 * @param protocol the versions that it speaks: fewer than this program's only to try how releases get on with each other
 * @param freeRunning how the pair follows without a branch counter; null if it follows exactly
 */
public record ReplicaSettings(
    String name,
    String programVersion,
    InetSocketAddress listen,
    @Nullable InetSocketAddress peer,
    StartPolicy startPolicy,
    OutputCommit commit,
    int maxPauseMillis,
    Path workFolder,
    Timing timing,
    Limits limits,
    TransportLimits transport,
    @Nullable TlsIdentity tls,
    ProtocolVersions protocol,
    @Nullable FreeRunning freeRunning) {

  /** What {@code maxPauseMillis} is if nobody says. */
  public static final int DEFAULT_MAX_PAUSE_MILLIS = ReplicationConfig.defaults().maxPauseMillis();

  private static final long MILLI = 1_000_000;

  public ReplicaSettings {
    if (maxPauseMillis < 1) {
      throw new IllegalArgumentException("maxPauseMillis must be positive, not " + maxPauseMillis);
    }
    if (freeRunning != null && commit != OutputCommit.MATCHED) {
      throw new IllegalArgumentException("what is followed freely leaves when it is matched");
    }
  }

  /**
   * Settings to be made up.
   *
   * @param name unique among the replicas of the VM
   * @param workFolder for checkpoints on their way
   * @param pair the rules of the VM's pair
   */
  public static ReplicaSettingsBuilder builder(
      String name, Path workFolder, ReplicationConfig pair) {
    return new ReplicaSettingsBuilder(name, workFolder, pair);
  }

  /** The protocol's rule for a configuration. */
  static OutputCommit commit(ReplicationConfig config) {
    return switch (config.commit()) {
      case MATCHED -> OutputCommit.MATCHED;
      case RECEIVED -> OutputCommit.RECEIVED;
    };
  }

  /** How the core of a backup takes what its machine tells. */
  Following following() {
    return freeRunning == null ? Following.EXACT : Following.FREE_RUNNING;
  }

  /** How a configuration's pair follows without a branch counter; null if it follows exactly. */
  static @Nullable FreeRunning freeRunning(ReplicationConfig config) {
    return switch (config.following()) {
      case EXACT -> null;
      case FREE_RUNNING -> new FreeRunning(config.checkpointSeconds() * 1_000 * MILLI);
    };
  }

  /** The protocol's timing for a configuration. */
  static Timing timing(ReplicationConfig config) {
    Timing defaults = Timing.defaults();
    long heartbeat = config.heartbeatMillis() * MILLI;
    long silence = config.silenceMillis() * MILLI;
    return new Timing(
        heartbeat,
        defaults.closeMarkNanos(),
        Math.min(defaults.markIntervalNanos(), heartbeat),
        silence,
        silence + silence / 8,
        silence - silence / 16,
        Math.min(defaults.reconnectGraceNanos(), silence),
        config.ackTimeoutMillis() * MILLI,
        defaults.retransmitNanos(),
        defaults.joinRetryNanos(),
        Math.max(defaults.joinProgressNanos(), silence),
        defaults.arbiterRetryNanos());
  }

  /** The protocol's bounds for a configuration. */
  static Limits limits(ReplicationConfig config) {
    Limits defaults = Limits.defaults();
    return new Limits(
        config.maxLagMillis(),
        defaults.maxThrottlePercent(),
        defaults.maxUnackedRecords(),
        defaults.maxUnackedBytes(),
        defaults.maxBacklogRecords(),
        defaults.maxHeldOutputs(),
        defaults.maxBatchRecords(),
        defaults.maxBatchBytes(),
        defaults.chunkWindow(),
        config.following() == ReplicationConfig.Following.EXACT
            ? defaults.maxHealsPerMinute()
            : FreeRunning.MAX_HEALS_PER_MINUTE,
        defaults.armLagRecords());
  }
}

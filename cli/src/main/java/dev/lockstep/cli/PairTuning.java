package dev.lockstep.cli;

import dev.lockstep.ft.control.proto.CommitRule;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.config.ReplicationConfig.Commit;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How a pair weighs delay against safety: the options on top of a configuration's {@code replication}. */
final class PairTuning {
  @Option(
      names = "--commit",
      paramLabel = "WHEN",
      converter = CommitConverter.class,
      description =
          "When an output of a protected guest leaves: matched, once the backup's replay has produced the same; received, once the backup holds its entry, a little earlier (default: the configuration's commit, or matched).")
  private @Nullable Commit commit;

  @Option(
      names = "--max-pause",
      paramLabel = "MILLIS",
      description =
          "How long the guest may stand still while a backup joins, 1 to 60000; it is slowed until that is enough (default: the configuration's max_pause_millis, or 300).")
  private @Nullable Integer maxPauseMillis;

  @Option(
      names = "--max-lag",
      paramLabel = "MILLIS",
      description =
          "The backup's lag that the guest is slowed for, from half of it on, 10 to 60000 (default: the configuration's max_lag_millis, or 40, or 1000 with --commit received).")
  private @Nullable Integer maxLagMillis;

  @Option(
      names = "--heartbeat",
      paramLabel = "MILLIS",
      description =
          "Speak to the other replica at least this often, 1 to 10000 (default: the configuration's heartbeat_millis, or 25).")
  private @Nullable Integer heartbeatMillis;

  @Option(
      names = "--silence",
      paramLabel = "MILLIS",
      description =
          "Suspect the other replica after so long without a word, at least four heartbeats (default: the configuration's silence_millis, or 500).")
  private @Nullable Integer silenceMillis;

  @Option(
      names = "--ack-timeout",
      paramLabel = "MILLIS",
      description =
          "Give up a backup that acknowledges nothing for so long, 10 to 600000 (default: the configuration's ack_timeout_millis, or 1000).")
  private @Nullable Integer ackTimeoutMillis;

  /** Reads a commit by its name. */
  static final class CommitConverter implements ITypeConverter<Commit> {
    @Override
    public Commit convert(String text) {
      Commit known = Commit.of(text);
      if (known == null) {
        throw new TypeConversionException("'%s' is neither matched nor received".formatted(text));
      }
      return known;
    }
  }

  /** Puts them on top of what a builder has. */
  void apply(MachineConfigBuilder into) {
    if (commit != null) {
      into.commit(commit.word(), new Origin("--commit"));
    }
    if (maxPauseMillis != null) {
      into.maxPauseMillis(maxPauseMillis, new Origin("--max-pause"));
    }
    if (maxLagMillis != null) {
      into.maxLagMillis(maxLagMillis, new Origin("--max-lag"));
    }
    if (heartbeatMillis != null) {
      into.heartbeatMillis(heartbeatMillis, new Origin("--heartbeat"));
    }
    if (silenceMillis != null) {
      into.silenceMillis(silenceMillis, new Origin("--silence"));
    }
    if (ackTimeoutMillis != null) {
      into.ackTimeoutMillis(ackTimeoutMillis, new Origin("--ack-timeout"));
    }
  }

  /** Says them in a request; the endpoint checks them. */
  void apply(dev.lockstep.ft.control.proto.ReplicaOptions.Builder into) {
    if (commit != null) {
      into.setCommit(
          switch (commit) {
            case MATCHED -> CommitRule.COMMIT_RULE_MATCHED;
            case RECEIVED -> CommitRule.COMMIT_RULE_RECEIVED;
          });
    }
    set(maxPauseMillis, into::setMaxPauseMillis);
    set(maxLagMillis, into::setMaxLagMillis);
    set(heartbeatMillis, into::setHeartbeatMillis);
    set(silenceMillis, into::setSilenceMillis);
    set(ackTimeoutMillis, into::setAckTimeoutMillis);
  }

  private static void set(@Nullable Integer value, IntConsumer setter) {
    if (value != null) {
      setter.accept(value);
    }
  }

  /** Whether one of them is given. */
  boolean isGiven() {
    return commit != null
        || maxPauseMillis != null
        || maxLagMillis != null
        || heartbeatMillis != null
        || silenceMillis != null
        || ackTimeoutMillis != null;
  }
}

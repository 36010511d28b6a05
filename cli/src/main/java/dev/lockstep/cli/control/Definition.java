package dev.lockstep.cli.control;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.proto.ReplicaOptions;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.vmm.config.ConfigFile;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.MachineConfigBuilder;
import dev.lockstep.vmm.config.Origin;
import dev.lockstep.vmm.engine.Purpose;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A VM's configuration as a text that does not depend on where it is read: its paths are absolute. */
final class Definition {
  /** Stands for the configuration in messages, before line and column. */
  private static final String NAME = "config";

  private final String text;

  private Definition(String text) {
    this.text = text;
  }

  /** One that was checked before. */
  static Definition kept(String text) {
    return new Definition(text);
  }

  /** That of a configuration. */
  static Definition of(MachineConfig config) {
    return new Definition(ConfigFile.write(config));
  }

  /**
   * Checks a configuration that somebody gives.
   *
   * @param base what relative paths are relative to; null if there may be none
   * @throws dev.lockstep.vmm.config.ConfigException if it is wrong, saying where
   */
  static Definition checked(String json, @Nullable Path base) {
    MachineConfigBuilder builder = MachineConfig.builder();
    ConfigFile.read(json, NAME, builder);
    String arbiter = builder.build(Purpose.FREE_RUNNING).replication().arbiter();
    if (arbiter != null && EtcdAddress.isMeant(arbiter)) {
      requireEtcd(arbiter);
    }
    JsonMapper mapper = new JsonMapper();
    JsonNode root = mapper.readTree(json);
    if (root.get("boot-source") instanceof ObjectNode boot) {
      settle(boot, "kernel_image_path", base);
      settle(boot, "initrd_path", base);
    }
    if (root.get("drives") instanceof Iterable<JsonNode> drives) {
      for (JsonNode drive : drives) {
        settle((ObjectNode) drive, "path_on_host", base);
      }
    }
    if (root.get("replication") instanceof ObjectNode replication) {
      for (String key : List.of("arbiter", "arbiter_path")) {
        if (!EtcdAddress.isMeant(replication.path(key).asString(""))) {
          settle(replication, key, base);
        }
      }
    }
    return new Definition(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
  }

  private static void requireEtcd(String arbiter) {
    try {
      EtcdAddress.parse(arbiter);
    } catch (VmmException e) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "config: the arbiter is wrong: " + e.getMessage(),
          e.advice());
    }
  }

  private static void settle(ObjectNode in, String key, @Nullable Path base) {
    JsonNode value = in.get(key);
    if (value == null || !value.isString()) {
      return;
    }
    Path path = Path.of(value.stringValue());
    if (path.isAbsolute()) {
      return;
    }
    if (base == null) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "config: %s '%s' is relative, and nothing says to what".formatted(key, path),
          "Give an absolute path, or a base_folder.");
    }
    in.put(key, base.resolve(path).normalize().toString());
  }

  /** The text, JSON. */
  String text() {
    return text;
  }

  /**
   * The configuration for a purpose, which decides the engine.
   *
   * @throws dev.lockstep.vmm.config.ConfigException if this host cannot have it
   */
  MachineConfig config(Purpose purpose) {
    return config(purpose, ReplicaOptions.getDefaultInstance());
  }

  /**
   * As {@link #config(Purpose)}, for a replica.
   *
   * @param options of its pair go before the configuration's
   */
  MachineConfig config(Purpose purpose, ReplicaOptions options) {
    MachineConfigBuilder builder = MachineConfig.builder();
    ConfigFile.read(text, NAME, builder);
    apply(options, builder);
    return builder.build(purpose);
  }

  private static void apply(ReplicaOptions options, MachineConfigBuilder into) {
    switch (options.getCommit()) {
      case COMMIT_RULE_MATCHED -> into.commit("matched", new Origin("commit"));
      case COMMIT_RULE_RECEIVED -> into.commit("received", new Origin("commit"));
      case COMMIT_RULE_UNSPECIFIED -> {}
      case UNRECOGNIZED ->
          into.problem(new Origin("commit"), "%d is no rule".formatted(options.getCommitValue()));
    }
    if (options.hasMaxPauseMillis()) {
      into.maxPauseMillis(
          Integer.toUnsignedLong(options.getMaxPauseMillis()), new Origin("max_pause_millis"));
    }
    if (options.hasMaxLagMillis()) {
      into.maxLagMillis(
          Integer.toUnsignedLong(options.getMaxLagMillis()), new Origin("max_lag_millis"));
    }
    if (options.hasHeartbeatMillis()) {
      into.heartbeatMillis(
          Integer.toUnsignedLong(options.getHeartbeatMillis()), new Origin("heartbeat_millis"));
    }
    if (options.hasSilenceMillis()) {
      into.silenceMillis(
          Integer.toUnsignedLong(options.getSilenceMillis()), new Origin("silence_millis"));
    }
    if (options.hasAckTimeoutMillis()) {
      into.ackTimeoutMillis(
          Integer.toUnsignedLong(options.getAckTimeoutMillis()), new Origin("ack_timeout_millis"));
    }
  }
}

package dev.lockstep.vmm.config;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.engine.Counting;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Configuration files: JSON in the shape of Firecracker's, with keys of ours beside them.
 *
 * <pre>{@code
 * {
 *   "boot-source": {"kernel_image_path": "vmlinuz", "initrd_path": "initrd", "boot_args": "quiet"},
 *   "drives": [{"drive_id": "root", "path_on_host": "disk.ext4", "is_read_only": false, "is_root_device": false}],
 *   "machine-config": {"mem_size_mib": 512, "vcpu_count": 1, "name": "web", "cpu_model": "lockstep-v1-tsc", "patch_tsc": false, "engine": "soft", "translator": "off", "counter": "auto", "seed": 1},
 *   "replication": {"max_lag_millis": 40, "heartbeat_millis": 25, "silence_millis": 500, "ack_timeout_millis": 1000, "max_pause_millis": 300,
 *     "commit": "matched", "arbiter": "/shared", "following": "exact", "checkpoint_seconds": 20}
 * }
 * }</pre>
 *
 * <p>Every part may be missing. Paths are relative to the working directory. Unknown keys are errors. The arbiter is a folder or {@code etcd://HOST:PORT}; {@code arbiter_path} is an older
 * name of the key.
 */
public final class ConfigFile {
  /** Most bytes of a file. */
  private static final long MAX_SIZE = 1 << 20;

  private ConfigFile() {}

  /**
   * Adds a file's settings to a builder, which also gets what is wrong with them.
   *
   * @throws VmmException if the file cannot be read
   * @throws ConfigException if it is not JSON
   */
  public static void read(Path file, MachineConfigBuilder into) {
    read(load(file), file.toString(), into);
  }

  /** As {@link #read(Path, MachineConfigBuilder)}, from a text; {@code name} stands for the file in messages. */
  public static void read(String text, String name, MachineConfigBuilder into) {
    Json document;
    try {
      document = JsonReader.read(text);
    } catch (JsonReader.SyntaxException e) {
      throw new ConfigException(
          List.of(
              new ConfigException.Problem(
                  ConfigSection.origin(name, e.place()), "not JSON: " + e.getMessage())));
    }
    new ConfigSection(document, name, "the file", into)
        .section("boot-source", ConfigFile::bootSource)
        .each("drives", "drive", ConfigFile::drive)
        .each("network-interfaces", "network interface", new NetworkFields()::read)
        .section("machine-config", ConfigFile::machine)
        .section("replication", ConfigFile::replication)
        .refuseOthers();
  }

  /** Writes a configuration so that {@link #read(Path, MachineConfigBuilder)} makes the same of it. */
  public static String write(MachineConfig config) {
    JsonMapper mapper = new JsonMapper();
    ObjectNode root = mapper.createObjectNode();
    ObjectNode boot = root.putObject("boot-source");
    boot.put("kernel_image_path", config.kernel().toString());
    Path initrd = config.initrd();
    if (initrd != null) {
      boot.put("initrd_path", initrd.toString());
    }
    boot.put("boot_args", config.bootArgs());
    boot.put("default_boot_args", config.defaultBootArgs());
    ArrayNode drives = root.putArray("drives");
    for (DriveConfig drive : config.drives()) {
      ObjectNode node = drives.addObject();
      node.put("drive_id", drive.id());
      node.put("path_on_host", drive.path().toString());
      node.put("is_read_only", drive.readOnly());
      node.put("is_root_device", drive.root());
    }
    NetworkConfig network = config.network();
    if (network != null) {
      NetworkFields.write(network, root.putArray("network-interfaces").addObject());
    }
    ObjectNode machine = root.putObject("machine-config");
    machine.put("name", config.name());
    machine.put("mem_size_mib", config.memoryBytes() >> 20);
    machine.put("vcpu_count", 1);
    machine.put("cpu_model", config.cpuModel().name());
    if (config.patchesTsc()) {
      machine.put("patch_tsc", true);
    }
    machine.put("engine", config.engine());
    String translator = config.translatorAsked();
    if (translator != null) {
      machine.put("translator", translator);
    }
    if (config.counting() != Counting.AUTO) {
      machine.put("counter", config.counting().optionName());
    }
    machine.put("seed", config.seed());
    ObjectNode replication = root.putObject("replication");
    replication.put("max_lag_millis", config.replication().maxLagMillis());
    replication.put("heartbeat_millis", config.replication().heartbeatMillis());
    replication.put("silence_millis", config.replication().silenceMillis());
    replication.put("ack_timeout_millis", config.replication().ackTimeoutMillis());
    replication.put("max_pause_millis", config.replication().maxPauseMillis());
    replication.put("commit", config.replication().commit().word());
    if (config.replication().following() != ReplicationConfig.Following.EXACT) {
      replication.put("following", config.replication().following().optionName());
      replication.put("checkpoint_seconds", config.replication().checkpointSeconds());
    }
    String arbiter = config.replication().arbiter();
    if (arbiter != null) {
      replication.put("arbiter", arbiter);
    }
    return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
  }

  private static void bootSource(ConfigSection section) {
    MachineConfigBuilder into = section.builder();
    section
        .text("kernel_image_path", into::kernel)
        .text("initrd_path", into::initrd)
        .text("boot_args", into::bootArgs)
        .flag("default_boot_args", (value, origin) -> into.defaultBootArgs(value))
        .refuseOthers();
  }

  private static void drive(ConfigSection section) {
    DriveFields fields = new DriveFields();
    section
        .text("drive_id", (value, origin) -> fields.id = value)
        .text("path_on_host", (value, origin) -> fields.path = value)
        .flag("is_read_only", (value, origin) -> fields.readOnly = value)
        .flag("is_root_device", (value, origin) -> fields.root = value)
        .refuseOthers();
    section.require("drive_id");
    section.require("path_on_host");
    if (!fields.id.isEmpty() && !fields.path.isEmpty()) {
      section
          .builder()
          .drive(fields.id, fields.path, fields.readOnly, fields.root, section.origin());
    }
  }

  private static final class DriveFields {
    private String id = "";
    private String path = "";
    private boolean readOnly;
    private boolean root;
  }

  private static void machine(ConfigSection section) {
    MachineConfigBuilder into = section.builder();
    section
        .whole("mem_size_mib", (value, origin) -> memory(into, value, origin))
        .whole("vcpu_count", into::vcpus)
        .text("name", into::name)
        .text("cpu_model", into::cpuModel)
        .flag("patch_tsc", (value, origin) -> into.patchTsc(value))
        .text("engine", into::engine)
        .text("translator", into::translator)
        .text("counter", into::counter)
        .whole("seed", (value, origin) -> into.seed(value))
        .refuseOthers();
  }

  private static void memory(MachineConfigBuilder into, long mebibytes, Origin origin) {
    // So that the product below fits; the builder knows the range.
    into.memory(Math.clamp(mebibytes, -(1L << 40), 1L << 40) << 20, origin);
  }

  private static void replication(ConfigSection section) {
    MachineConfigBuilder into = section.builder();
    section
        .whole("max_lag_millis", into::maxLagMillis)
        .whole("heartbeat_millis", into::heartbeatMillis)
        .whole("silence_millis", into::silenceMillis)
        .whole("ack_timeout_millis", into::ackTimeoutMillis)
        .whole("max_pause_millis", into::maxPauseMillis)
        .text("commit", into::commit)
        .text("arbiter", into::arbiter)
        .text("arbiter_path", into::arbiter)
        .text("following", into::following)
        .whole("checkpoint_seconds", into::checkpointSeconds)
        .refuseOthers();
  }

  private static String load(Path file) {
    try {
      if (Files.size(file) > MAX_SIZE) {
        throw new VmmException(
            "the configuration '%s' has %d bytes, at most %d are read"
                .formatted(file, Files.size(file), MAX_SIZE),
            "Give the path of a configuration file.");
      }
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      throw new VmmException(
          "the configuration '%s' does not exist".formatted(file), "Check the path.", e);
    } catch (CharacterCodingException e) {
      throw new VmmException(
          "the configuration '%s' is not UTF-8 text".formatted(file),
          "Give the path of a JSON file.",
          e);
    } catch (IOException e) {
      throw new VmmException(
          "the configuration '%s' cannot be read: %s".formatted(file, e.getMessage()),
          "Check the file and its permissions.",
          e);
    }
  }
}

package dev.lockstep.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The builder and the file make the same of the same settings, and tell everything that is wrong with others. */
final class MachineConfigTest {
  private static final Origin FLAG = new Origin("--flag");

  @TempDir Path folder;

  @Test
  void readsEverything() {
    MachineConfig config =
        read(
            """
            {
              "boot-source": {"kernel_image_path": "/k", "initrd_path": "/i", "boot_args": " quiet "},
              "drives": [
                {"drive_id": "root", "path_on_host": "/d0", "is_root_device": true, "is_read_only": true},
                {"drive_id": "data", "path_on_host": "/d1", "is_read_only": false}
              ],
              "machine-config": {"mem_size_mib": 128, "vcpu_count": 1, "name": "web", "cpu_model": "lockstep-v1",
                "engine": "soft", "seed": -7},
              "replication": {"max_lag_millis": 200, "heartbeat_millis": 10, "silence_millis": 40,
                "ack_timeout_millis": 300, "max_pause_millis": 50, "commit": "received", "arbiter": "/shared"}
            }
            """);
    assertThat(config.kernel()).isEqualTo(Path.of("/k"));
    assertThat(config.initrd()).isEqualTo(Path.of("/i"));
    assertThat(config.commandLine())
        .isEqualTo(MachineConfig.DEFAULT_BOOT_ARGS + " root=/dev/vda ro quiet");
    assertThat(config.drives())
        .containsExactly(
            new DriveConfig("root", Path.of("/d0"), true, true),
            new DriveConfig("data", Path.of("/d1"), false, false));
    assertThat(config.memoryBytes()).isEqualTo(128L << 20);
    assertThat(config.name()).isEqualTo("web");
    assertThat(config.cpuModel()).isEqualTo(CpuModel.LOCKSTEP_V1);
    assertThat(config.seed()).isEqualTo(-7);
    assertThat(config.replication())
        .isEqualTo(
            new ReplicationConfig(
                200, 10, 40, 300, 50, ReplicationConfig.Commit.RECEIVED, "/shared"));

    MachineConfig again = read(ConfigFile.write(config));
    assertThat(again).usingRecursiveComparison().isEqualTo(config);
    assertThat(again.digest()).isEqualTo(config.digest());
  }

  @Test
  void theArbiterIsAFolderOrEtcdUnderEitherName() {
    String machine =
        """
        {"boot-source": {"kernel_image_path": "/k"}, "replication": {"%s": "%s"}}
        """;
    String etcd = "etcd://a:2379,b:2379/pairs";
    MachineConfig far = read(machine.formatted("arbiter", etcd));
    assertThat(far.replication().arbiter()).isEqualTo(etcd);
    assertThat(read(ConfigFile.write(far)).replication().arbiter()).isEqualTo(etcd);
    assertThat(read(machine.formatted("arbiter_path", "near/x")).replication().arbiter())
        .isEqualTo(Path.of("near/x").toAbsolutePath().toString());
    assertProblems(
        """
        {"boot-source": {"kernel_image_path": "/k"},
          "replication": {"arbiter": "/a", "arbiter_path": "/b", "commit": "later", "max_pause_millis": 0}}
        """,
        "vm.json:2:97: the pause of 0 ms is out of range: 1 to 60000 ms",
        "vm.json:2:68: 'later' is neither matched nor received",
        "vm.json:2:52: the arbiter is named already, at vm.json:2:30");
  }

  @Test
  void fillsInDefaults() {
    MachineConfig config = read("{\"boot-source\": {\"kernel_image_path\": \"k\"}}");
    assertThat(config.kernel()).isEqualTo(Path.of("k").toAbsolutePath());
    assertThat(config.initrd()).isNull();
    assertThat(config.memoryBytes()).isEqualTo(512L << 20);
    assertThat(config.cpuModel()).isEqualTo(CpuModel.LOCKSTEP_V1_TSC);
    assertThat(config.replication()).isEqualTo(ReplicationConfig.defaults());
    assertThat(config.commandLine()).isEqualTo(MachineConfig.DEFAULT_BOOT_ARGS);
    assertThat(read("{\"boot-source\": {\"kernel_image_path\": \"k\"}}").seed())
        .as("a seed of its own")
        .isNotEqualTo(config.seed());
  }

  /** Two machines of which only one is patched are different to their guests; an unpatched one is as it always was. */
  @Test
  void patchedReadsOfTheCounterAreAFact() {
    String machine =
        """
        {"boot-source": {"kernel_image_path": "/k"}, "machine-config": {"seed": 1, "patch_tsc": %s}}
        """;
    MachineConfig plain = read(machine.formatted("false"));
    MachineConfig patched = read(machine.formatted("true"));
    assertThat(plain.patchesTsc()).isFalse();
    assertThat(plain.facts()).doesNotContainKey("tsc_reads");
    assertThat(patched.patchesTsc()).isTrue();
    assertThat(patched.facts()).containsEntry("tsc_reads", "patched");
    assertThat(read(ConfigFile.write(patched)).digest())
        .isEqualTo(patched.digest())
        .isNotEqualTo(plain.digest());
    assertThat(ConfigFile.write(plain)).doesNotContain("patch_tsc");
  }

  /** It is the host's: no digest knows of it, and what nobody asked for is not written down. */
  @Test
  void theTranslatorIsNoFactOfTheMachine() {
    MachineConfig plain = build(b -> b);
    MachineConfig translated = build(b -> b.translator("on:5000", FLAG));
    assertThat(translated.translator()).isEqualTo("on:5000");
    assertThat(plain.translator()).isEqualTo(HostTranslator.word());
    assertThat(translated.facts()).isEqualTo(plain.facts());
    assertThat(translated.digest()).isEqualTo(plain.digest());
    assertThat(ConfigFile.write(plain)).doesNotContain("translator");
    assertThat(read(ConfigFile.write(translated)).translator()).isEqualTo(translated.translator());
    assertThat(translated.withDrivePaths(DriveConfig::path).translator()).isEqualTo("on:5000");
    for (String known : List.of("off", "on", "on:1", "bytecode", "bytecode:7")) {
      assertThat(build(b -> b.translator(known, FLAG)).translator()).isEqualTo(known);
    }
    for (String unknown :
        List.of("", "yes", "on:", "on:0", "on:-1", "on:9999999999", "always", "bytecode-always")) {
      refuses(
          b -> b.translator(unknown, FLAG),
          "there is no translator '%s'; use one of off, on, bytecode, on:THRESHOLD, bytecode:THRESHOLD"
              .formatted(unknown));
    }
  }

  @Test
  void tellsEverythingThatIsWrongWithItsPlace() {
    assertProblems(
        """
        {
          "boot-source": {"kernel_image_pth": "/k"},
          "drives": [{"drive_id": "a b", "path_on_host": "/d0"}, {"path_on_host": 3}, 5],
          "machine-config": {"mem_size_mib": 32, "vcpu_count": 2,
            "cpu_model": "i486", "engine": "tcg", "seed": 1.5},
          "network-interface": [],
          "replication": {"max_lag_millis": 5, "silence_millis": 50}
        }
        """,
        "vm.json:2:19: unknown key 'kernel_image_pth' in boot-source; did you mean 'kernel_image_path'?",
        "vm.json:3:14: the drive's name 'a b' is not 1 to 20 letters, digits, '_' or '-'",
        "vm.json:3:75: path_on_host must be a string, not a whole number",
        "vm.json:3:58: drive has no 'drive_id'",
        "vm.json:3:79: drive must be an object, not a whole number",
        "vm.json:4:38: memory of 32 MiB is out of range: 64 MiB to 64 GiB",
        "vm.json:4:56: 2 virtual CPUs: a machine has exactly 1",
        "vm.json:5:18: there is no CPU model named 'i486' (Use lockstep-v1 or lockstep-v1-tsc.)",
        "vm.json:5:36: there is no engine 'tcg'; use one of soft, kvm, auto",
        "vm.json:5:51: seed must be a whole number, not the number 1.5",
        "vm.json:7:37: the lag of 5 ms is out of range: 10 to 60000 ms",
        "vm.json:6:3: unknown key 'network-interface' in the file; did you mean 'network-interfaces'?",
        "configuration: no kernel is named",
        "vm.json:7:58: suspicion after 50 ms of silence is less than 4 heartbeats of 25 ms");
  }

  @Test
  void refusesWhatIsNotJson() throws IOException {
    assertProblem("", "vm.json:1:1: not JSON: there is nothing in it");
    assertProblem("{} {}", "vm.json:1:4: not JSON: something follows the configuration");
    assertProblem(
        "{\n  \"a\": 1,\n  \"a\": 2}", "vm.json:3:3: not JSON: the key 'a' is there twice");
    assertProblem("{\n\"drives\": [}", "vm.json:2:12: not JSON: ");
    assertProblem("{\"drives\": [", "vm.json:1:");
    assertProblem("[".repeat(5000), "vm.json:1:");
    assertProblem("[1]", "vm.json:1:1: the file must be an object, not an array");
    assertThatThrownBy(() -> ConfigFile.read(folder.resolve("none"), MachineConfig.builder()))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("none' does not exist");
    Path binary = folder.resolve("binary");
    Files.write(binary, new byte[] {(byte) 0xff, 0, 1});
    assertThatThrownBy(() -> ConfigFile.read(binary, MachineConfig.builder()))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("is not UTF-8 text");
  }

  @Test
  void flagsComeBehindTheFile() {
    MachineConfigBuilder builder = MachineConfig.builder();
    ConfigFile.read(
        """
        {"boot-source": {"kernel_image_path": "/k", "boot_args": "quiet"},
         "machine-config": {"mem_size_mib": 128}}
        """,
        "vm.json",
        builder);
    MachineConfig config = builder.memory(256L << 20, FLAG).appendBootArgs("single", FLAG).build();
    assertThat(config.memoryBytes()).isEqualTo(256L << 20);
    assertThat(config.commandLine()).endsWith(" quiet single");
    assertThat(config.bootArgs()).isEqualTo("quiet single");
  }

  @Test
  void checksDrives() {
    refuses(b -> b.drive("", true, FLAG), "--flag: the path is empty");
    refuses(b -> b.drive("/a\0b", true, FLAG), "is not a path");
    refuses(
        b -> b.drive("a", "/x", false, false, FLAG).drive("a", "/y", false, false, FLAG),
        "there is a drive named 'a' already (--flag)");
    refuses(
        b -> b.drive("/x", true, FLAG).drive("/y/../x", false, FLAG),
        "drives 'disk0' and 'disk1' are the same file '/x' and not both read-only");
    refuses(
        b -> b.drive("a", "/x", false, true, FLAG).drive("b", "/y", false, true, FLAG),
        "a second drive says it is the root device");
    refuses(
        b -> {
          for (int i = 0; i < 17; i++) {
            b.drive("/d" + i, false, FLAG);
          }
          return b;
        },
        "a machine has at most 16 drives");
    assertThat(build(b -> b.drive("/x", true, FLAG).drive("/x", true, FLAG)).drives()).hasSize(2);
  }

  @Test
  void checksRanges() {
    refuses(b -> b.memory((64L << 20) + 4096, FLAG), "is not whole MiB");
    refuses(b -> b.memory(63L << 20, FLAG), "memory of 63 MiB is out of range: 64 MiB to 64 GiB");
    refuses(b -> b.memory((64L << 30) + (1 << 20), FLAG), "memory of 65537 MiB is out of range");
    refuses(b -> b.name("", FLAG), "the name ''");
    refuses(b -> b.name("-x", FLAG), "the name '-x'");
    refuses(b -> b.bootArgs("a\nb", FLAG), "control character");
    assertThat(build(b -> b.memory(64L << 20, FLAG)).memoryBytes()).isEqualTo(64L << 20);
    assertThat(build(b -> b.memory(64L << 30, FLAG)).memoryBytes()).isEqualTo(64L << 30);
  }

  @Test
  void digestCoversWhatTheGuestSees() {
    List<UnaryOperator<MachineConfigBuilder>> visible =
        List.of(
            b -> b,
            b -> b.memory(128L << 20, FLAG),
            b -> b.cpuModel("lockstep-v1", FLAG),
            b -> b.bootArgs("quiet", FLAG),
            b -> b.defaultBootArgs(false),
            b -> b.initrd("/i", FLAG),
            b -> b.seed(2),
            b -> b.drive("a", "/x", false, false, FLAG),
            b -> b.drive("b", "/x", false, false, FLAG),
            b -> b.drive("a", "/x", true, false, FLAG),
            b -> b.drive("a", "/x", false, true, FLAG));
    Set<String> digests = new HashSet<>();
    visible.forEach(change -> digests.add(build(b -> change.apply(b)).digest()));
    assertThat(digests).hasSize(visible.size());

    String plain = build(b -> b).digest();
    assertThat(build(b -> b.kernel("/other", FLAG)).digest()).isEqualTo(plain);
    assertThat(build(b -> b.name("other", FLAG)).digest()).isEqualTo(plain);
    assertThat(build(b -> b.maxLagMillis(77, FLAG)).digest()).isEqualTo(plain);
  }

  @Test
  void parsesSizes() {
    assertThat(MemorySize.parse("512M")).hasValue(512L << 20);
    assertThat(MemorySize.parse("512")).hasValue(512L << 20);
    assertThat(MemorySize.parse("2g")).hasValue(2L << 30);
    assertThat(MemorySize.parse("1.5 GiB")).hasValue(1536L << 20);
    assertThat(MemorySize.parse("65536K")).hasValue(64L << 20);
    assertThat(MemorySize.parse("4096B")).hasValue(4096);
    for (String wrong : List.of("", "M", "-1M", "1X", "1.M", "512Mi b", "999999999999T")) {
      assertThat(MemorySize.parse(wrong)).as("'%s'", wrong).isEmpty();
    }
    assertThat(MemorySize.format(1536L << 20)).isEqualTo("1536 MiB");
    assertThat(MemorySize.format(2L << 30)).isEqualTo("2 GiB");
    assertThat(MemorySize.format(4097)).isEqualTo("4097 bytes");
  }

  private static MachineConfig read(String json) {
    MachineConfigBuilder builder = MachineConfig.builder();
    ConfigFile.read(json, "vm.json", builder);
    return builder.build();
  }

  private static MachineConfig build(UnaryOperator<MachineConfigBuilder> settings) {
    return settings.apply(MachineConfig.builder().kernel("/k", FLAG).seed(1)).build();
  }

  private static void refuses(UnaryOperator<MachineConfigBuilder> settings, String what) {
    assertThatThrownBy(() -> build(settings))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("--flag: ")
        .hasMessageContaining(what.replace("--flag: ", ""));
  }

  private static void assertProblems(String json, String... problems) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOfSatisfying(
            ConfigException.class,
            e -> {
              Consumer<List<? extends ConfigException.Problem>> same =
                  found -> assertThat(found).extracting(Object::toString).containsExactly(problems);
              same.accept(e.problems());
              assertThat(e.advice()).isEqualTo("Correct them.");
            });
  }

  private static void assertProblem(String json, String start) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(start);
  }
}

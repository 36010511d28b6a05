package dev.lockstep.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any text is a configuration, which comes back when it is written again, or is refused as {@link ConfigException} with places. */
class ConfigFileFuzzTest {
  static Stream<byte[]> seeds() {
    return Stream.of(
            """
            {"boot-source": {"kernel_image_path": "/k", "initrd_path": "/i", "boot_args": "quiet"},
             "drives": [{"drive_id": "a", "path_on_host": "/d", "is_root_device": true, "is_read_only": true}],
             "machine-config": {"mem_size_mib": 128, "vcpu_count": 1, "name": "web", "cpu_model": "lockstep-v1",
               "engine": "soft", "seed": -7},
             "replication": {"max_lag_millis": 200, "heartbeat_millis": 10, "silence_millis": 40,
               "ack_timeout_millis": 300, "arbiter_path": "/s"}}
            """,
            """
            {"boot-source": {"kernel_image_path": "k"}, "machine-config": {"engine": "soft", "seed": 1},
             "network-interfaces": [{"iface_id": "n", "guest_mac": "52:54:00:00:00:01", "passt": true, "forward": "tcp:1:2"}]}
            """,
            """
            {"network-interfaces": [{"iface_id": "n", "host_dev_name": "tap0"}], "x": [1.5e3, null, "\\u0041\\n"]}
            """,
            "[[[[",
            "{\"a\":{},\"a\":1}")
        .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aConfigurationOrRefused(byte[] data) {
    MachineConfigBuilder builder = MachineConfig.builder();
    MachineConfig config;
    try {
      ConfigFile.read(new String(data, StandardCharsets.UTF_8), "vm.json", builder);
      config = builder.engine("soft", new Origin("--engine")).build();
    } catch (ConfigException e) {
      assertThat(e.problems()).isNotEmpty();
      return;
    }
    MachineConfigBuilder again = MachineConfig.builder();
    ConfigFile.read(ConfigFile.write(config), "again.json", again);
    assertThat(again.build()).usingRecursiveComparison().isEqualTo(config);
  }
}

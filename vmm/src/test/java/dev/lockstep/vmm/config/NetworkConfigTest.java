package dev.lockstep.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.net.host.PortForward;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A network interface on the command line and in the file. */
class NetworkConfigTest {
  private static final Origin FLAG = new Origin("--net");

  private static MachineConfig flag(String... texts) {
    MachineConfigBuilder builder =
        MachineConfig.builder().kernel("/k", FLAG).seed(1).name("web", FLAG).engine("soft", FLAG);
    for (String text : texts) {
      NetworkText.read(text, FLAG, builder);
    }
    return builder.build();
  }

  private static MachineConfig file(String interfaces) {
    MachineConfigBuilder builder = MachineConfig.builder();
    ConfigFile.read(
        """
        {"boot-source": {"kernel_image_path": "/k"}, "machine-config": {"seed": 1, "name": "web"},
         "network-interfaces": %s}
        """
            .formatted(interfaces),
        "vm.json",
        builder);
    return builder.build();
  }

  private static NetworkConfig network(MachineConfig config) {
    return Objects.requireNonNull(config.network());
  }

  @Test
  void aLineSaysWhereTheCableLeads() {
    assertThat(network(flag("tap=tap0")).backend()).isEqualTo(new NetworkConfig.Tap("tap0"));
    assertThat(network(flag("unplugged")).backend()).isEqualTo(new NetworkConfig.Unplugged());
    assertThat(network(flag("passt")).backend())
        .isEqualTo(new NetworkConfig.Passt(null, List.of()));
    assertThat(network(flag("passt=/run/p")).backend())
        .isEqualTo(new NetworkConfig.Passt(Path.of("/run/p"), List.of()));
    assertThat(network(flag("passt=p")).backend())
        .isEqualTo(new NetworkConfig.Passt(Path.of("p").toAbsolutePath(), List.of()));
    assertThat(network(flag("passt,forward=tcp:8080:80,mac=52:54:00:00:00:07,forward=udp:53:5353")))
        .isEqualTo(
            new NetworkConfig(
                MacAddress.parse("52:54:00:00:00:07"),
                new NetworkConfig.Passt(
                    null,
                    List.of(new PortForward(false, 8080, 80), new PortForward(true, 53, 5353))),
                false));
    assertThat(flag().network()).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "tap",
        "tap=",
        "tap= ",
        "tap=t,forward=tcp:1:2",
        "passt=",
        "passt=/s,forward=tcp:1:2",
        "unplugged=1",
        "unplugged,forward=tcp:1:2",
        "wire=7",
        "TAP=t",
        "passt,",
        "tap=t,,",
        "tap=t,mtu=9000",
        "passt=a\0b"
      })
  void linesThatAreNotUnderstoodAreRefused(String text) {
    assertThatThrownBy(() -> flag(text))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("--net: ")
        .hasMessageContaining("write tap=NAME, passt, passt=SOCKET or unplugged");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tcp",
        "tcp:80",
        "tcp:80:80:80",
        "sctp:1:2",
        "tcp:0:80",
        "tcp:80:65536",
        "tcp:-1:80",
        "tcp:+1:80",
        "tcp:1e3:80",
        "tcp:999999:1",
        "TCP:80:80",
        "tcp::80",
        "tcp:\u0661:80"
      })
  void forwardsThatAreNoneAreRefused(String text) {
    assertThatThrownBy(() -> flag("passt,forward=" + text))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("'forward=%s' is no forward", text);
    assertThatThrownBy(() ->
            file("[{\"iface_id\": \"n\", \"passt\": true, \"forward\": \"%s\"}]".formatted(text)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("'%s' is no forward of network interface 'n'", text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "52:54:00", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01"})
  void addressesThatAreNoneAreRefused(String mac) {
    assertThatThrownBy(() -> flag("tap=t,mac=" + mac))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("--net: the network's address: ");
    assertThatThrownBy(() -> file("[{\"iface_id\": \"n\", \"guest_mac\": \"%s\"}]".formatted(mac)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("the network's address: ");
  }

  @Test
  void theFileSaysTheSameAsTheLine() {
    assertThat(network(file("[{\"iface_id\": \"eth0\", \"host_dev_name\": \"tap0\"}]")))
        .isEqualTo(network(flag("tap=tap0,offload=off")));
    assertThat(network(file("[{\"iface_id\": \"eth0\"}]"))).isEqualTo(network(flag("unplugged")));
    assertThat(network(file("[{\"iface_id\": \"eth0\", \"passt\": true}]")))
        .isEqualTo(network(flag("passt")));
    assertThat(network(file("[{\"iface_id\": \"eth0\", \"passt_socket\": \"/run/p\"}]")))
        .isEqualTo(network(flag("passt=/run/p")));
    assertThat(
            network(
                file(
                    """
                    [{"iface_id": "eth0", "guest_mac": "52:54:00:00:00:07", "passt": true,
                      "forward": " tcp:8080:80  udp:53:53 "}]
                    """)))
        .isEqualTo(
            network(flag("passt,mac=52:54:00:00:00:07,forward=tcp:8080:80,forward=udp:53:53")));
    assertThat(file("[]").network()).isNull();
  }

  @Test
  void aFileThatIsWrongIsToldWhereAndWhy() {
    refused("[{}]", "network interface has no 'iface_id'");
    refused(
        "[{\"iface_id\": \"a\"}, {\"iface_id\": \"b\"}]",
        "a machine has at most 1 network interface");
    refused(
        "[{\"iface_id\": \"a\", \"host_dev_name\": \"t\", \"passt\": true}]",
        "either host_dev_name or passt, not both");
    refused(
        "[{\"iface_id\": \"a\", \"passt\": true, \"passt_socket\": \"/s\", \"forward\": \"tcp:1:1\"}]",
        "a passt that runs has its own forwards");
    refused("[{\"iface_id\": \"a\", \"host_dev\": \"t\"}]", "unknown key 'host_dev'");
    refused("[{\"iface_id\": \"a\", \"passt\": 1}]", "passt must be");
    refused("[{\"iface_id\": \"a\", \"passt_socket\": \"a\\u0000b\"}]", "is no path");
    refused("[3]", "network interface must be an object");
    refused("{}", "network-interfaces must be");
  }

  private static void refused(String interfaces, String why) {
    assertThatThrownBy(() -> file(interfaces))
        .as(interfaces)
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("vm.json:2:")
        .hasMessageContaining(why);
  }

  /** A way out is meant; a forward that nobody would make is no silent loss. */
  @Test
  void aForwardWithoutPasstIsRefused() {
    refused("[{\"iface_id\": \"a\", \"forward\": \"tcp:1:1\"}]", "forward");
    refused(
        "[{\"iface_id\": \"a\", \"host_dev_name\": \"t\", \"forward\": \"tcp:1:1\"}]", "forward");
    refused("[{\"iface_id\": \"a\", \"host_dev_name\": \" \"}]", "host_dev_name");
  }

  @Test
  void aTapDeviceHasOffloadsUnlessToldOtherwise() {
    assertThat(network(flag("tap=tap0")).offload()).isTrue();
    assertThat(network(flag("tap=tap0,offload=on")).offload()).isTrue();
    assertThat(network(flag("tap=tap0,offload=off")).offload()).isFalse();
    assertThat(network(flag("passt")).offload()).isFalse();
    assertThat(network(file("[{\"iface_id\": \"a\", \"host_dev_name\": \"t\"}]")).offload())
        .as("as in files of releases without it")
        .isFalse();
    String on = "[{\"iface_id\": \"a\", \"host_dev_name\": \"t\", \"offload\": true}]";
    assertThat(network(file(on)).offload()).isTrue();
    refused(
        "[{\"iface_id\": \"a\", \"passt\": true, \"offload\": true}]",
        "passt takes whole frames only");
    assertThatThrownBy(() -> flag("passt,offload=on"))
        .hasMessageContaining("passt takes whole frames only");
    assertThat(network(flag("tap=tap0,offload=off", "tap=tap1")).offload())
        .as("as it was said before")
        .isFalse();
    assertThatThrownBy(() -> flag("tap=tap0,offload=on", "passt"))
        .hasMessageContaining("passt takes whole frames only");
    assertThat(flag("tap=tap0").facts()).containsEntry("network_offload", "on");
    assertThat(flag("tap=tap0,offload=off").facts()).doesNotContainKey("network_offload");
  }

  @Test
  void whatIsWrittenReadsTheSame() {
    for (String text :
        List.of(
            "unplugged",
            "tap=tap0,mac=52:54:00:00:00:07",
            "tap=tap0,offload=off",
            "unplugged,offload=on",
            "passt",
            "passt=/run/p",
            "passt,forward=tcp:8080:80,forward=udp:53:53")) {
      MachineConfig config = flag(text);
      MachineConfigBuilder builder = MachineConfig.builder();
      ConfigFile.read(ConfigFile.write(config), "vm.json", builder);
      MachineConfig again = builder.build();
      assertThat(again).as(text).usingRecursiveComparison().isEqualTo(config);
      assertThat(again.digest()).isEqualTo(config.digest());
    }
    assertThat(ConfigFile.write(flag())).doesNotContain("network");
  }

  /** The guest sees its address, and nothing of the cable. */
  @Test
  void factsHaveTheAddressAndTheOffloadsOnly() {
    MachineConfig plain = flag();
    MachineConfig tap = flag("tap=t0");
    assertThat(plain.facts()).doesNotContainKey("network");
    assertThat(tap.facts()).containsEntry("network", MacAddress.ofName("web").toString());
    assertThat(tap.digest()).isNotEqualTo(plain.digest());
    assertThat(flag("passt,forward=tcp:1:1").digest())
        .isEqualTo(flag("tap=t0,offload=off").digest());
    assertThat(flag("unplugged,offload=on").digest()).isEqualTo(tap.digest());
    assertThat(flag("tap=t0,mac=52:54:00:00:00:07").digest()).isNotEqualTo(tap.digest());
  }

  @Test
  void theLastLineCounts() {
    assertThat(network(flag("tap=a,mac=52:54:00:00:00:07", "passt")))
        .isEqualTo(network(flag("passt")));
  }
}

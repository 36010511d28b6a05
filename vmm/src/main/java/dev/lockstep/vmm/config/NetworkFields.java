package dev.lockstep.vmm.config;

import dev.lockstep.vmm.net.host.PortForward;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * A network interface in a configuration file: {@code host_dev_name} (a tap device, as Firecracker has it), or {@code passt} (with {@code passt_socket} one that runs, with {@code
 * forward} a list as {@code tcp:8080:80 udp:53:53}); neither for one that is unplugged. {@code guest_mac} for an address of one's own, {@code offload} for checksums and segmentation that are left to the
 * other side: not if it is missing, as in files of releases that had none.
 */
final class NetworkFields {
  private int interfaces;

  void read(ConfigSection section) {
    Fields fields = new Fields();
    section
        .text("iface_id", (value, origin) -> fields.id = value)
        .text("guest_mac", (value, origin) -> fields.mac = value)
        .text("host_dev_name", (value, origin) -> fields.tap = value)
        .flag("passt", (value, origin) -> fields.passt = value)
        .text("passt_socket", (value, origin) -> fields.socket = value)
        .text("forward", (value, origin) -> fields.forward = value)
        .flag("offload", (value, origin) -> fields.offload = value)
        .refuseOthers();
    section.require("iface_id");
    interfaces++;
    Origin origin = section.origin();
    if (interfaces > 1) {
      section.builder().problem(origin, "a machine has at most 1 network interface");
      return;
    }
    if (fields.tap != null && (fields.passt || fields.socket != null)) {
      section
          .builder()
          .problem(origin, "a network interface has either host_dev_name or passt, not both");
      return;
    }
    NetworkConfig.Backend backend = fields.backend(section.builder(), origin);
    if (backend != null) {
      section.builder().network(backend, fields.mac, fields.offload, origin);
    }
  }

  private static final class Fields {
    private String id = "";
    private @Nullable String mac;
    private @Nullable String tap;
    private boolean passt;
    private @Nullable String socket;
    private @Nullable String forward;
    private boolean offload;

    private NetworkConfig.@Nullable Backend backend(MachineConfigBuilder builder, Origin origin) {
      if (forward != null && !passt) {
        builder.problem(
            origin, "only a passt that is started has forwards: set passt, or leave forward away");
        return null;
      }
      if (tap != null && tap.isBlank()) {
        builder.problem(origin, "host_dev_name of network interface '%s' is empty".formatted(id));
        return null;
      }
      if (tap != null) {
        return new NetworkConfig.Tap(tap);
      }
      if (!passt && socket == null) {
        return new NetworkConfig.Unplugged();
      }
      List<PortForward> forwards = new ArrayList<>();
      for (String word : forward == null ? new String[0] : forward.strip().split("\\s+")) {
        PortForward one = NetworkText.forward(word);
        if (one == null) {
          builder.problem(
              origin,
              "'%s' is no forward of network interface '%s': write tcp:8080:80"
                  .formatted(word, id));
          return null;
        }
        forwards.add(one);
      }
      if (socket != null && !forwards.isEmpty()) {
        builder.problem(origin, "a passt that runs has its own forwards: leave forward away");
        return null;
      }
      try {
        return new NetworkConfig.Passt(
            socket == null ? null : Path.of(socket).toAbsolutePath(), forwards);
      } catch (InvalidPathException e) {
        builder.problem(origin, "passt_socket '%s' is no path".formatted(socket));
        return null;
      }
    }
  }

  static void write(NetworkConfig network, ObjectNode into) {
    into.put("iface_id", "net0");
    into.put("guest_mac", network.address().toString());
    into.put("offload", network.offload());
    switch (network.backend()) {
      case NetworkConfig.Tap tap -> into.put("host_dev_name", tap.device());
      case NetworkConfig.Passt passt -> {
        into.put("passt", true);
        Path socket = passt.socket();
        if (socket != null) {
          into.put("passt_socket", socket.toString());
        }
        if (!passt.forwards().isEmpty()) {
          into.put(
              "forward",
              passt.forwards().stream()
                  .map(PortForward::toString)
                  .collect(Collectors.joining(" ")));
        }
      }
      case NetworkConfig.Unplugged it -> {
        // Neither of both says so.
      }
    }
  }
}

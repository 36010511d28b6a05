package dev.lockstep.vmm.config;

import dev.lockstep.vmm.net.host.PortForward;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A network interface in one line: {@code tap=NAME}, {@code passt[=SOCKET]} or {@code unplugged}, and behind commas {@code mac=ADDRESS}, {@code offload=on} or {@code offload=off}, and for passt {@code forward=tcp:HOSTPORT:GUESTPORT}. */
public final class NetworkText {
  private static final String SHAPE =
      "write tap=NAME, passt, passt=SOCKET or unplugged, and behind commas mac=52:54:00:12:34:56, offload=on, offload=off or, for passt, forward=tcp:8080:80";

  private NetworkText() {}

  /** Adds the interface to a builder, or what is wrong with it. */
  public static void read(String text, Origin origin, MachineConfigBuilder into) {
    String[] words = text.split(",", -1);
    String mac = null;
    Boolean offload = null;
    List<PortForward> forwards = new ArrayList<>();
    for (int i = 1; i < words.length; i++) {
      String word = words[i];
      if (word.startsWith("mac=")) {
        mac = word.substring("mac=".length());
      } else if (word.equals("offload=on") || word.equals("offload=off")) {
        offload = word.endsWith("on");
      } else if (word.startsWith("forward=")) {
        PortForward forward = forward(word.substring("forward=".length()));
        if (forward == null) {
          into.problem(origin, "'%s' is no forward: %s".formatted(word, SHAPE));
          return;
        }
        forwards.add(forward);
      } else {
        into.problem(origin, "'%s' of '%s' is not understood: %s".formatted(word, text, SHAPE));
        return;
      }
    }
    NetworkConfig.Backend backend = backend(words[0], forwards);
    if (backend == null) {
      into.problem(origin, "'%s' is no network: %s".formatted(text, SHAPE));
    } else {
      into.network(backend, mac, offload, origin);
    }
  }

  private static NetworkConfig.@Nullable Backend backend(String first, List<PortForward> forwards) {
    String name = first.contains("=") ? first.substring(0, first.indexOf('=')) : first;
    String value = first.substring(name.length()).replaceFirst("^=", "");
    boolean forwarding = !forwards.isEmpty();
    try {
      return switch (name) {
        case "tap" -> value.isBlank() || forwarding ? null : new NetworkConfig.Tap(value);
        case "passt" -> {
          boolean own = first.equals(name);
          yield !own && (value.isBlank() || forwarding)
              ? null
              : new NetworkConfig.Passt(own ? null : Path.of(value).toAbsolutePath(), forwards);
        }
        case "unplugged" -> !value.isEmpty() || forwarding ? null : new NetworkConfig.Unplugged();
        default -> null;
      };
    } catch (InvalidPathException e) {
      return null;
    }
  }

  /** Reads {@code tcp:HOSTPORT:GUESTPORT} or {@code udp:…}; null if it is not that. */
  static @Nullable PortForward forward(String text) {
    String[] parts = text.split(":", -1);
    if (parts.length != 3
        || !parts[0].equals("tcp") && !parts[0].equals("udp")
        || !parts[1].matches("\\d{1,5}")
        || !parts[2].matches("\\d{1,5}")) {
      return null;
    }
    try {
      return new PortForward(
          parts[0].equals("udp"), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}

package dev.lockstep.cli.net;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The interfaces of the network namespace that this process is in. What is made here bears an alias, and only what bears it is ever removed. */
public final class HostLinks {
  private static final String ALIAS = "lockstep";

  /** Every link, in the kernel's order. */
  public List<NetworkLink> list() {
    List<NetworkLink> links = new ArrayList<>();
    for (JsonNode node : json(ip("-j", "-d", "addr", "show"))) {
      if (!node.path("ifname").isMissingNode()) {
        links.add(link(node));
      }
    }
    return links;
  }

  private static NetworkLink link(JsonNode node) {
    JsonNode info = node.path("linkinfo");
    String kind = info.path("info_kind").asString("");
    if (kind.equals("tun")) {
      kind = info.path("info_data").path("type").asString(kind);
    }
    boolean up = false;
    boolean carrier = true;
    for (JsonNode flag : node.path("flags")) {
      up |= flag.asString("").equals("UP");
      carrier &= !flag.asString("").equals("NO-CARRIER");
    }
    StringBuilder addresses = new StringBuilder();
    for (JsonNode address : node.path("addr_info")) {
      if (!address.path("scope").asString("").equals("link")) {
        addresses
            .append(addresses.isEmpty() ? "" : " ")
            .append(address.path("local").asString("?"))
            .append('/')
            .append(address.path("prefixlen").asInt(0));
      }
    }
    JsonNode master = node.path("master");
    return new NetworkLink(
        node.path("ifname").asString(""),
        kind,
        master.isMissingNode() ? null : master.asString(),
        up,
        up && carrier,
        node.path("ifalias").asString("").equals(ALIAS),
        addresses.toString());
  }

  /** The link of that name. */
  public Optional<NetworkLink> find(String name) {
    return list().stream().filter(link -> link.name().equals(name)).findFirst();
  }

  /** Makes a bridge without spanning tree, so that a port forwards from the moment it is up. */
  public void addBridge(String name) {
    ip("link", "add", "name", name, "type", "bridge", "stp_state", "0", "forward_delay", "0");
    mark(name);
  }

  /**
   * Makes a tap device that stays when nobody has it open.
   *
   * @param user who may open it without being root; null for root alone
   */
  public void addTap(String name, @Nullable String user) {
    if (user == null) {
      ip("tuntap", "add", "dev", name, "mode", "tap");
    } else {
      ip("tuntap", "add", "dev", name, "mode", "tap", "user", user);
    }
    mark(name);
  }

  private static void mark(String name) {
    ip("link", "set", "dev", name, "alias", ALIAS);
  }

  /** Puts a link's cable into a bridge. */
  public void join(String name, String bridge) {
    ip("link", "set", "dev", name, "master", bridge);
  }

  /** Takes a link's cable out of its bridge. */
  public void leave(String name) {
    ip("link", "set", "dev", name, "nomaster");
  }

  /** Sets a link up. */
  public void up(String name) {
    ip("link", "set", "dev", name, "up");
  }

  /** Gives a link an address. */
  public void address(String name, String address) {
    ip("addr", "replace", address, "dev", name);
  }

  /** Removes a link. */
  public void remove(String name) {
    ip("link", "delete", "dev", name);
  }

  private static Iterable<JsonNode> json(String text) {
    try {
      return new JsonMapper().readTree(text.isBlank() ? "[]" : text);
    } catch (JacksonException e) {
      throw new VmmException(
          "ip(8) printed what is no JSON: " + e.getOriginalMessage(),
          "Install a newer package iproute2.",
          e);
    }
  }

  private static String ip(String... arguments) {
    List<String> command = new ArrayList<>(List.of("ip"));
    command.addAll(List.of(arguments));
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectErrorStream(true)
              .start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() == 0) {
        return said;
      }
      String why = said.isBlank() ? "without a word" : said.strip().lines().findFirst().orElse("");
      throw new VmmException(
          "'%s' failed: %s".formatted(String.join(" ", command), why),
          why.contains("Operation not permitted")
              ? "Setting up a network takes root: run the command with sudo, or use --net passt."
              : "See to what it says; 'ip link' shows the interfaces that there are.");
    } catch (IOException e) {
      throw new VmmException(
          "ip(8) cannot be run: " + e.getMessage(), "Install the package iproute2.", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("the command was interrupted", "Run it again.", e);
    }
  }
}

package dev.lockstep.cli.net;

import dev.lockstep.engine.VmmException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One bridge with the tap devices of guests, and a cable to the outside. Making it again changes nothing; taking it down removes only what was made here. */
public final class GuestBridge {
  /** Linux's IFNAMSIZ (linux/if.h) leaves 15 characters. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,14}");

  private final HostLinks links;
  private final String name;

  /**
   * @throws VmmException if the name is no interface's
   */
  public GuestBridge(HostLinks links, String name) {
    this.links = links;
    this.name = checked(name);
  }

  private static String checked(String name) {
    if (!NAME.matcher(name).matches()) {
      throw new VmmException(
          "'%s' is no interface's name".formatted(name),
          "Take 1 to 15 letters, digits, '_', '.' or '-', a letter or digit first.");
    }
    return name;
  }

  /**
   * Makes what is not there yet.
   *
   * @param uplink an interface that leads to the other hosts; null for none
   * @param address with its network's bits, for this host on the bridge; null for none
   * @param taps names of the tap devices
   * @param user who may use them beside root; null for nobody
   */
  public void up(
      @Nullable String uplink, @Nullable String address, List<String> taps, @Nullable String user) {
    taps.forEach(GuestBridge::checked);
    Optional<NetworkLink> bridge = links.find(name);
    if (bridge.isPresent() && !bridge.get().isBridge()) {
      throw new VmmException(
          "'%s' is there and is no bridge".formatted(name), "Take another name for the bridge.");
    }
    Optional<NetworkLink> out = uplink == null ? Optional.empty() : links.find(checked(uplink));
    if (uplink != null) {
      requireUplink(uplink, out.orElse(null));
    }
    for (String tap : taps) {
      links.find(tap).ifPresent(this::requireTap);
    }
    if (bridge.isEmpty()) {
      links.addBridge(name);
    }
    for (String tap : taps) {
      if (links.find(tap).isEmpty()) {
        links.addTap(tap, user);
      }
      plug(tap);
    }
    if (uplink != null) {
      plug(uplink);
    }
    if (address != null) {
      links.address(name, address);
    }
    links.up(name);
  }

  private void plug(String port) {
    links.join(port, name);
    links.up(port);
  }

  private void requireUplink(String uplink, @Nullable NetworkLink link) {
    if (link == null) {
      throw new VmmException(
          "there is no interface '%s'".formatted(uplink), "'ip link' shows those that there are.");
    }
    if (link.bridge() != null && !link.bridge().equals(name)) {
      throw new VmmException(
          "'%s' is a port of bridge %s already".formatted(uplink, link.bridge()),
          "Use that bridge, or take it out: ip link set dev %s nomaster.".formatted(uplink));
    }
    if (!link.addresses().isEmpty()) {
      throw new VmmException(
          "'%s' has the address %s, which stops working in a bridge"
              .formatted(uplink, link.addresses()),
          "Move its addresses and routes to the bridge in your network's configuration first; done from here it could cut this host off.");
    }
  }

  private void requireTap(NetworkLink link) {
    if (!link.isTap()) {
      throw new VmmException(
          "'%s' is there and is no tap device".formatted(link.name()), "Take another name.");
    }
    if (link.bridge() != null && !link.bridge().equals(name)) {
      throw new VmmException(
          "tap device '%s' is a port of bridge %s".formatted(link.name(), link.bridge()),
          "Take another name, or take it out: ip link set dev %s nomaster.".formatted(link.name()));
    }
  }

  /**
   * Removes its tap devices and the bridge, as far as they were made here; other ports leave it.
   *
   * @throws VmmException if there is no such bridge, or a machine uses one of the devices
   */
  public void down() {
    NetworkLink bridge =
        links
            .find(name)
            .filter(NetworkLink::isBridge)
            .orElseThrow(() ->
                new VmmException(
                    "there is no bridge '%s'".formatted(name), "'lockstep net list' shows them."));
    List<NetworkLink> ports =
        links.list().stream().filter(link -> name.equals(link.bridge())).toList();
    for (NetworkLink port : ports) {
      if (port.ours() && port.isTap() && port.carrier()) {
        throw new VmmException(
            "a machine uses tap device '%s'".formatted(port.name()), "Stop the machine first.");
      }
    }
    for (NetworkLink port : ports) {
      if (port.ours()) {
        links.remove(port.name());
      } else if (bridge.ours()) {
        links.leave(port.name());
      }
    }
    if (bridge.ours()) {
      links.remove(name);
    }
  }
}

package dev.lockstep.vmm.net.host;

/**
 * A port of the host that leads into the guest.
 *
 * @param udp whether datagrams are forwarded, otherwise connections
 * @param hostPort 1 to 65,535
 * @param guestPort 1 to 65,535
 */
public record PortForward(boolean udp, int hostPort, int guestPort) {
  private static final int MAX_PORT = 65_535;

  public PortForward {
    if (hostPort < 1 || hostPort > MAX_PORT || guestPort < 1 || guestPort > MAX_PORT) {
      throw new IllegalArgumentException(
          "a forward from port %d to port %d: ports are 1 to 65535".formatted(hostPort, guestPort));
    }
  }

  @Override
  public String toString() {
    return "%s:%d:%d".formatted(udp ? "udp" : "tcp", hostPort, guestPort);
  }
}

package dev.lockstep.ft.control;

import dev.lockstep.ft.tls.TlsFiles;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where a control port is. */
public sealed interface ControlAddress {
  /** A Unix socket, which only its user can open. */
  record Socket(Path path) implements ControlAddress {
    @Override
    public String toString() {
      return path.toString();
    }
  }

  /**
   * TCP by mutual TLS.
   *
   * @param address port 0 for any free one, on a server
   * @param serverName that the server's certificate must have; null for the address's host; without meaning on a server
   */
  record Tls(InetSocketAddress address, TlsFiles files, @Nullable String serverName)
      implements ControlAddress {
    @Override
    public String toString() {
      return address.getHostString() + ":" + address.getPort();
    }
  }
}

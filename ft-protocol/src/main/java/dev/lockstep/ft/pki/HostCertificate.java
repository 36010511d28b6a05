package dev.lockstep.ft.pki;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/**
 * What an authority has issued to a host.
 *
 * @param host the host's name
 * @param names under which the host is dialled: DNS names and addresses
 * @param end when it is valid no longer
 * @param folder its files: certificate, key and authority
 */
public record HostCertificate(String host, List<String> names, Instant end, Path folder) {
  public HostCertificate {
    names = List.copyOf(names);
  }
}

package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Who this end is, to its peers: the other replica, and clients of the control port by TCP. */
final class TlsOptions {
  @Option(
      names = "--tls",
      paramLabel = "FOLDER",
      description =
          "Secures the link to the other replica, and --control-tcp, by mutual TLS 1.3 with cert.pem, key.pem and ca.pem of this folder, as 'lockstep pki issue' makes them; the other replica needs one, too (default: in the clear).")
  private @Nullable Path folder;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description = "This end's certificate, in place of cert.pem.")
  private @Nullable Path certificate;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "Its private key, in place of key.pem.")
  private @Nullable Path key;

  @Option(
      names = "--tls-ca",
      paramLabel = "FILE",
      description = "The certificates of the authorities that count, in place of ca.pem.")
  private @Nullable Path authorities;

  /**
   * Who this end is.
   *
   * @return null for connections in the clear
   * @throws VmmException if a file is missing, or they do not fit
   */
  @Nullable TlsIdentity identity() {
    TlsFiles files = files();
    return files == null ? null : TlsIdentity.load(files);
  }

  /**
   * The files that are named.
   *
   * @return null if none is
   * @throws VmmException if only some are
   */
  @Nullable TlsFiles files() {
    if (folder == null && certificate == null && key == null && authorities == null) {
      return null;
    }
    return new TlsFiles(
        file("--tls-cert", certificate, TlsFiles.CERTIFICATE),
        file("--tls-key", key, TlsFiles.KEY),
        file("--tls-ca", authorities, TlsFiles.AUTHORITIES));
  }

  private Path file(String option, @Nullable Path given, String name) {
    if (given != null) {
      return given;
    }
    if (folder != null) {
      return folder.resolve(name);
    }
    throw new StatusException(
        ExitStatus.USAGE,
        new VmmException(
            option + " is missing: TLS needs a certificate, its key and the authorities",
            "Give --tls-cert, --tls-key and --tls-ca, or a folder with all of them by --tls."));
  }

  /** What there is to say about a port in the clear that other hosts reach; empty for loopback. */
  static Optional<String> warning(InetSocketAddress listening) {
    return listening.getAddress().isLoopbackAddress()
        ? Optional.empty()
        : Optional.of(
            "listens on %s without TLS: whoever reaches this port can read the guest's memory and be its backup; use --tls"
                .formatted(
                    listening.getAddress().isAnyLocalAddress()
                        ? "every address"
                        : listening.getAddress().getHostAddress()));
  }
}

package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.pki.CertificateAuthority;
import dev.lockstep.ft.pki.HostCertificate;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import picocli.CommandLine.Option;

/** Where an authority's folder is, and how dates are told. */
final class PkiOptions {
  private static final int MAX_DAYS = 36_500;

  private static final DateTimeFormatter DATE =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm 'UTC'").withZone(ZoneOffset.UTC);

  @Option(
      names = "--pki",
      paramLabel = "FOLDER",
      defaultValue = "pki",
      description =
          "The authority's folder (default: ${DEFAULT-VALUE}). Keep it where no host of a pair can read it.")
  private Path folder = Path.of("pki");

  Path folder() {
    return folder;
  }

  /** Opens the authority. */
  CertificateAuthority open() {
    return CertificateAuthority.open(folder);
  }

  /**
   * A validity.
   *
   * @throws VmmException if it is none
   */
  static Duration validity(int days) {
    if (days < 1 || days > MAX_DAYS) {
      throw new StatusException(
          ExitStatus.USAGE,
          new VmmException(
              "--days %d is no validity".formatted(days),
              "Give 1 to %d days.".formatted(MAX_DAYS)));
    }
    return Duration.ofDays(days);
  }

  static String date(Instant instant) {
    return DATE.format(instant);
  }

  /** What was issued, on standard output its folder, all else beside it. */
  static void tell(HostCertificate made) {
    System.err.printf(
        "lockstep: %s is valid until %s, for %s%n",
        made.host(), date(made.end()), String.join(", ", made.names()));
    System.err.printf(
        "lockstep: copy the folder to that host (it has a private key) and name it there by --tls%n");
    System.out.println(made.folder());
  }
}

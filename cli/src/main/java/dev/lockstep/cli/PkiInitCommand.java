package dev.lockstep.cli;

import dev.lockstep.ft.pki.CertificateAuthority;
import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lockstep pki init}: a new authority. */
@Command(
    name = "init",
    description =
        "Makes a new authority. Whoever has its key can be any host: keep its folder safe.",
    sortOptions = false)
final class PkiInitCommand implements Callable<Integer> {
  @Mixin private final PkiOptions pki = new PkiOptions();

  @Option(
      names = "--days",
      paramLabel = "DAYS",
      defaultValue = "3650",
      description = "How long it is valid (default: ${DEFAULT-VALUE}).")
  private int days = 3_650;

  @Override
  public Integer call() {
    CertificateAuthority made =
        CertificateAuthority.create(pki.folder(), PkiOptions.validity(days), Instant.now());
    System.err.printf(
        "lockstep: the authority in %s is valid until %s%n",
        pki.folder(), PkiOptions.date(made.end()));
    return ExitStatus.OK;
  }
}

package dev.lockstep.cli;

import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep pki renew}: a new certificate for a host that has one. */
@Command(
    name = "renew",
    description =
        "Issues a new certificate, with a new key, for the same names. Copied over the old one it counts from the host's next connection on; nothing is restarted.",
    sortOptions = false)
final class PkiRenewCommand implements Callable<Integer> {
  @Parameters(paramLabel = "NAME", description = "The host's name.")
  private String host = "";

  @Mixin private final PkiOptions pki = new PkiOptions();

  @Option(
      names = "--days",
      paramLabel = "DAYS",
      defaultValue = "365",
      description = "How long it is valid (default: ${DEFAULT-VALUE}).")
  private int days = 365;

  @Override
  public Integer call() {
    PkiOptions.tell(pki.open().renew(host, PkiOptions.validity(days), Instant.now()));
    return ExitStatus.OK;
  }
}

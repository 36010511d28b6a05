package dev.lockstep.cli;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lockstep pki issue}: a host's certificate and key. */
@Command(
    name = "issue",
    description = "Issues a certificate and a key to a host and prints the folder with them.",
    sortOptions = false)
final class PkiIssueCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "NAME", description = "The host's name.")
  private String host = "";

  @Parameters(
      index = "1..*",
      paramLabel = "ADDRESS",
      description =
          "Every other name and address under which the other replica dials it, as --peer has it.")
  private List<String> names = new ArrayList<>();

  @Mixin private final PkiOptions pki = new PkiOptions();

  @Option(
      names = "--days",
      paramLabel = "DAYS",
      defaultValue = "365",
      description = "How long it is valid (default: ${DEFAULT-VALUE}).")
  private int days = 365;

  @Override
  public Integer call() {
    PkiOptions.tell(pki.open().issue(host, names, PkiOptions.validity(days), Instant.now()));
    return ExitStatus.OK;
  }
}

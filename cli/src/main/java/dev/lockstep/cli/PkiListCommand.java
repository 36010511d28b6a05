package dev.lockstep.cli;

import dev.lockstep.ft.pki.HostCertificate;
import dev.lockstep.ft.tls.TlsIdentity;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep pki list}: what an authority has issued. */
@Command(
    name = "list",
    description = "Prints what the authority has issued, and when it ends.",
    sortOptions = false)
final class PkiListCommand implements Callable<Integer> {
  @Mixin private final PkiOptions pki = new PkiOptions();

  @Option(names = "--json", description = "As one line of JSON.")
  private boolean json;

  @Override
  public Integer call() {
    List<HostCertificate> issued = pki.open().list();
    if (json) {
      System.out.println(
          new JsonMapper()
              .writeValueAsString(issued.stream().map(PkiListCommand::values).toList()));
      return ExitStatus.OK;
    }
    Instant now = Instant.now();
    for (HostCertificate each : issued) {
      System.out.printf(
          "%-20s  until %s%s  %s%n",
          each.host(),
          PkiOptions.date(each.end()),
          state(Duration.between(now, each.end())),
          String.join(", ", each.names()));
    }
    return ExitStatus.OK;
  }

  private static String state(Duration left) {
    if (left.isNegative()) {
      return " (ended)";
    }
    return left.compareTo(TlsIdentity.WARNING) > 0 ? "" : " (%d days)".formatted(left.toDays());
  }

  private static Map<String, Object> values(HostCertificate each) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("host", each.host());
    values.put("names", each.names());
    values.put("end", each.end().toString());
    values.put("folder", each.folder().toString());
    return values;
  }
}

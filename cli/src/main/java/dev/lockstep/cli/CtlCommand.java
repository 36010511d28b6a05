package dev.lockstep.cli;

import dev.lockstep.cli.ctl.Endpoints;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.ControlAddress;
import dev.lockstep.ft.tls.TlsFiles;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code lockstep ctl}: steers VMs through their control ports. Its commands are added when it is called, so that no other command loads them. */
@Command(
    name = "ctl",
    description = {
      "Steers VMs that 'lockstep daemon' hosts, or that run with --control.",
      "With several endpoints it follows a VM to the one where it is live. docs/control.md has the calls and their gRPC form.",
    },
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    sortOptions = false)
final class CtlCommand implements Runnable {
  @Option(
      names = "--socket",
      paramLabel = "PATH",
      scope = ScopeType.INHERIT,
      description =
          "A control port's Unix socket; may be repeated (default, if no --address is given: $XDG_RUNTIME_DIR/lockstep/control.sock, or /run/lockstep/control.sock for root).")
  private List<Path> sockets = new ArrayList<>();

  @Option(
      names = "--address",
      paramLabel = "HOST:PORT",
      scope = ScopeType.INHERIT,
      description =
          "A control port by mutual TLS; may be repeated. Needs --tls-cert, --tls-key and --tls-ca.")
  private List<String> addresses = new ArrayList<>();

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description = "This client's certificate, PEM.")
  private @Nullable Path certificate;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description = "The certificate's key, PEM (PKCS#8).")
  private @Nullable Path key;

  @Option(
      names = "--tls-ca",
      paramLabel = "FILE",
      scope = ScopeType.INHERIT,
      description = "The authority whose servers are trusted, PEM.")
  private @Nullable Path authority;

  @Option(
      names = "--tls-server-name",
      paramLabel = "NAME",
      scope = ScopeType.INHERIT,
      description = "The name that the server's certificate must have (default: HOST).")
  private @Nullable String serverName;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "60",
      scope = ScopeType.INHERIT,
      description = "How long a call may take, 1 to 86400 (default: ${DEFAULT-VALUE}).")
  private int timeoutSeconds = 60;

  @Option(
      names = "--json",
      scope = ScopeType.INHERIT,
      description = "For programs: one JSON object a line on standard output.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command of 'ctl'");
  }

  /** Whether standard output is for programs. */
  boolean json() {
    return json;
  }

  /**
   * The endpoints that are named, or the usual one.
   *
   * @throws VmmException if they cannot be used
   */
  Endpoints endpoints() {
    if (timeoutSeconds < 1 || timeoutSeconds > 86_400) {
      throw usage("--timeout %d is not 1 to 86400".formatted(timeoutSeconds), "Give seconds.");
    }
    List<ControlAddress> all = new ArrayList<>();
    sockets.forEach(socket -> all.add(new ControlAddress.Socket(socket)));
    for (String address : addresses) {
      if (certificate == null || key == null || authority == null) {
        throw usage(
            "--address speaks mutual TLS alone, and --tls-cert, --tls-key or --tls-ca is missing",
            "Give all three; 'lockstep pki' makes such files.");
      }
      all.add(
          new ControlAddress.Tls(
              ReplicaOptions.address("--address", address),
              new TlsFiles(certificate, key, authority),
              serverName));
    }
    if (all.isEmpty()) {
      all.add(new ControlAddress.Socket(ControlOptions.defaultSocket()));
    }
    return new Endpoints(all, timeoutSeconds * 1000L);
  }

  private static StatusException usage(String what, String advice) {
    return new StatusException(ExitStatus.USAGE, new VmmException(what, advice));
  }
}

package dev.lockstep.cli;

import dev.lockstep.cli.net.GuestBridge;
import dev.lockstep.cli.net.HostLinks;
import dev.lockstep.cli.net.NetworkLink;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep net}: a bridge and tap devices for guests. */
@Command(
    name = "net",
    description =
        "Sets up, shows and takes down a bridge with tap devices, which guests use by --net tap=NAME.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      NetCommand.Up.class,
      NetCommand.Down.class,
      NetCommand.Show.class,
      CommandLine.HelpCommand.class,
    })
final class NetCommand implements Runnable {
  @Spec private CommandSpec command = CommandSpec.create();

  @Override
  public void run() {
    throw new ParameterException(
        command.commandLine(), "say what to do with the network: up, down or list");
  }

  /** Makes what is missing. */
  @Command(
      name = "up",
      description = {
        "Makes a bridge and tap devices, where they are not there yet, and plugs them together. Takes root.",
        "Both hosts of a pair do so, each with an uplink that leads to the same network.",
      },
      sortOptions = false)
  static final class Up implements Callable<Integer> {
    @Option(
        names = "--bridge",
        paramLabel = "NAME",
        defaultValue = "lockstep0",
        description = "The bridge (default: ${DEFAULT-VALUE}).")
    private String bridge = "";

    @Option(
        names = "--tap",
        paramLabel = "NAME",
        description = "A tap device; may be repeated (default: lockstep-tap0).")
    private List<String> taps = List.of("lockstep-tap0");

    @Option(
        names = "--user",
        paramLabel = "NAME",
        description = "Who may use the tap devices without being root.")
    private @Nullable String user;

    @Option(
        names = "--uplink",
        paramLabel = "NAME",
        description =
            "An interface that leads to the other host and to clients. It must have no address: in a bridge it would not work.")
    private @Nullable String uplink;

    @Option(
        names = "--address",
        paramLabel = "ADDRESS/BITS",
        description = "An address of this host on the bridge.")
    private @Nullable String address;

    @Override
    public Integer call() {
      new GuestBridge(new HostLinks(), bridge).up(uplink, address, taps, user);
      return ExitStatus.OK;
    }
  }

  /** Removes what was made. */
  @Command(
      name = "down",
      description =
          "Removes the bridge and its tap devices, as far as 'lockstep net up' made them. Takes root.",
      sortOptions = false)
  static final class Down implements Callable<Integer> {
    @Option(
        names = "--bridge",
        paramLabel = "NAME",
        defaultValue = "lockstep0",
        description = "The bridge (default: ${DEFAULT-VALUE}).")
    private String bridge = "";

    @Override
    public Integer call() {
      new GuestBridge(new HostLinks(), bridge).down();
      return ExitStatus.OK;
    }
  }

  /** Shows what there is. */
  @Command(
      name = "list",
      description = "Shows the bridges and tap devices of this host.",
      sortOptions = false)
  static final class Show implements Callable<Integer> {
    @Option(names = "--json", description = "One line of JSON for each.")
    private boolean json;

    @Override
    public Integer call() {
      List<NetworkLink> all = new HostLinks().list();
      List<NetworkLink> shown =
          all.stream()
              .filter(link -> link.isBridge() || link.isTap() || link.bridge() != null)
              .toList();
      if (json) {
        JsonMapper mapper = new JsonMapper();
        shown.forEach(link -> System.out.println(mapper.writeValueAsString(fields(link))));
      } else {
        String row = "%-15s  %-8s  %-15s  %-5s  %-6s  %-8s  %s";
        System.out.println(
            row.formatted("NAME", "KIND", "BRIDGE", "STATE", "IN USE", "MADE BY", "ADDRESSES")
                .stripTrailing());
        for (NetworkLink link : shown) {
          System.out.println(
              row.formatted(
                      link.name(),
                      link.kind().isEmpty() ? "plain" : link.kind(),
                      link.bridge() == null ? "" : link.bridge(),
                      link.up() ? "up" : "down",
                      link.isTap() ? (link.carrier() ? "yes" : "no") : "",
                      link.ours() ? "lockstep" : "",
                      link.addresses())
                  .stripTrailing());
        }
      }
      return ExitStatus.OK;
    }

    private static Map<String, @Nullable Object> fields(NetworkLink link) {
      Map<String, @Nullable Object> fields = new LinkedHashMap<>();
      fields.put("name", link.name());
      fields.put("kind", link.kind());
      fields.put("bridge", link.bridge());
      fields.put("up", link.up());
      fields.put("carrier", link.carrier());
      fields.put("made_by_lockstep", link.ours());
      fields.put("addresses", link.addresses());
      return fields;
    }
  }
}

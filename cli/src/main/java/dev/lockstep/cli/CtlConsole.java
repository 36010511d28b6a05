package dev.lockstep.cli;

import dev.lockstep.cli.console.Console;
import dev.lockstep.cli.console.ConsoleAction;
import dev.lockstep.cli.console.TerminalMode;
import dev.lockstep.cli.ctl.ConsoleFollow;
import dev.lockstep.cli.ctl.Endpoints;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/** {@code lockstep ctl console}: a VM's console on this terminal, wherever the guest runs. */
@Command(
    name = "console",
    description = {
      "A VM's console on this terminal: output from the oldest byte that is kept, input as it is typed. Ctrl-] leaves.",
      "It follows the guest over a failover to another endpoint, by byte offset: no byte is lost or comes twice.",
    })
final class CtlConsole extends CtlCall {
  @Parameters(paramLabel = "VM", description = "The VM's name.")
  private String vm = "";

  @Option(
      names = "--from",
      paramLabel = "OFFSET",
      description = "The first byte to show, counted from power-on (default: the oldest kept).")
  private long from = -1;

  @Option(names = "--no-follow", description = "End where the output ends at present.")
  private boolean noFollow;

  @Override
  void run(Endpoints endpoints, CtlReport report) {
    try (TerminalMode raw = TerminalMode.raw();
        Console console = Console.open(raw, 0, System.err);
        ConsoleFollow follow =
            new ConsoleFollow(
                endpoints,
                vm,
                from,
                !noFollow,
                report.json() ? new JsonSink(console) : new TextSink(console));
        Signals signals = new Signals()) {
      signals.on("TERM", follow::close).on("HUP", follow::close).on("INT", follow::close);
      console.onOutputFailure(follow::close);
      if (raw.isTerminal()) {
        console.note("lockstep: Ctrl-] is the way out");
      }
      if (!noFollow) {
        console.start(new Keys(console, follow));
      }
      follow.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Bytes as they are. */
  private record TextSink(Console console) implements ConsoleFollow.Sink {
    @Override
    public void accept(long offset, byte[] bytes) {
      console.accept(0, offset, bytes);
    }

    @Override
    public void note(String sentence) {
      console.note("lockstep: " + sentence);
    }
  }

  /** An object for each piece; a byte is a character of Latin 1. */
  private static final class JsonSink implements ConsoleFollow.Sink {
    private final JsonMapper mapper = new JsonMapper();
    private final Console console;

    JsonSink(Console console) {
      this.console = console;
    }

    @Override
    public void accept(long offset, byte[] bytes) {
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      values.put("offset", offset);
      values.put("data", new String(bytes, StandardCharsets.ISO_8859_1));
      System.out.println(mapper.writeValueAsString(values));
      System.out.flush();
    }

    @Override
    public void note(String sentence) {
      console.note("lockstep: " + sentence);
    }
  }

  /** What keys do. */
  private record Keys(Console console, ConsoleFollow follow) implements Console.Listener {
    @Override
    public boolean typed(byte[] bytes) {
      return follow.type(bytes);
    }

    @Override
    public void action(ConsoleAction action) {
      switch (action) {
        case LEAVE -> follow.close();
        case CTRL_ALT_DEL ->
            console.note("lockstep: 'lockstep ctl stop' asks the guest to shut down");
        case SNAPSHOT -> console.note("lockstep: 'lockstep ctl snapshot' writes one");
        case STATUS -> console.note("lockstep: console byte " + follow.offset());
        case HELP -> console.note(Console.help());
      }
    }
  }
}

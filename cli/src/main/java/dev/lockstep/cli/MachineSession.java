package dev.lockstep.cli;

import dev.lockstep.cli.console.Console;
import dev.lockstep.cli.console.ConsoleAction;
import dev.lockstep.cli.console.TerminalMode;
import dev.lockstep.cli.net.GuestNetwork;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DeviceIndexes;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.MachineStatus;
import dev.lockstep.vmm.machine.OutputConsumer;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One machine on this process's terminal, from its start to its end. */
final class MachineSession {
  /** How long a guest may take to end itself after SIGTERM. */
  static final long GRACE_MILLIS = 20_000;

  /** Index of the first UART, as a device and as a stream. */
  private static final int UART0 = DeviceIndexes.UART0;

  private final Machine machine;
  private final PrintStream err;
  private final AtomicInteger forcedStatus = new AtomicInteger(-1);
  private @Nullable Snapshots snapshots;
  private @Nullable MachineConfig networked;
  private int terms;

  /**
   * How it went.
   *
   * @param end as the machine said
   * @param status as last seen
   * @param exitStatus for the process
   * @param elapsedNanos of host time
   */
  record Outcome(MachineEnd end, MachineStatus status, int exitStatus, long elapsedNanos) {}

  MachineSession(Machine machine, PrintStream err) {
    this.machine = machine;
    this.err = err;
  }

  /** With the configuration's network. A replay has none: its frames come from its log, and those that it sends have left long ago. */
  MachineSession withNetwork(MachineConfig config) {
    networked = config;
    return this;
  }

  /** With a snapshot on the way; null for none. */
  MachineSession withSnapshots(@Nullable Snapshots wanted) {
    snapshots = wanted;
    return this;
  }

  /**
   * Starts the machine and serves its console until it ends.
   *
   * @param start starts it, with the console as the consumer of what it puts out
   * @param mode whether it takes input
   * @throws VmmException as the machine ended
   */
  Outcome run(Consumer<OutputConsumer> start, MachineMode mode) {
    long began = System.nanoTime();
    MachineEnd end;
    IOException outputFailure;
    boolean terminal;
    try (TerminalMode raw = TerminalMode.raw();
        Console console = Console.open(raw, UART0, err);
        GuestNetwork network = network(console);
        Signals signals = new Signals()) {
      terminal = raw.isTerminal();
      if (terminal) {
        console.note("lockstep: Ctrl-] is the way out");
      }
      console.onOutputFailure(machine::stop);
      signals.on("INT", () -> forceStop(ExitStatus.INTERRUPTED));
      signals.on("HUP", () -> forceStop(ExitStatus.TERMINATED));
      signals.on("TERM", () -> terminate(mode));
      Snapshots wanted = snapshots;
      OutputConsumer outside = network == null ? console : network.beside(console);
      start.accept(wanted == null ? outside : wanted.watching(outside, UART0));
      if (network != null) {
        network.goLive();
      }
      console.start(new Keys(console, mode));
      end = await();
      outputFailure = console.outputFailure();
    }
    if (snapshots != null) {
      snapshots.conclude();
    }
    if (outputFailure != null) {
      throw new VmmException(
          "standard output cannot be written: " + outputFailure.getMessage(),
          "Keep its reader running, or send it to a file.",
          outputFailure);
    }
    if (terminal) {
      err.println(
          "\nlockstep: %s%s"
              .formatted(
                  ExitStatus.describe(end.reason()),
                  end.detail().isEmpty() ? "" : " (" + end.detail() + ")"));
    } else if (end.reason() == EndReason.UNSUPPORTED || end.reason() == EndReason.TRIPLE_FAULT) {
      err.println(
          "lockstep: %s: %s at %s"
              .formatted(ExitStatus.describe(end.reason()), end.detail(), end.at()));
    }
    int forced = forcedStatus.get();
    int status = end.reason() == EndReason.STOPPED && forced >= 0 ? forced : ExitStatus.of(end);
    return new Outcome(end, machine.status(), status, System.nanoTime() - began);
  }

  private @Nullable GuestNetwork network(Console console) {
    MachineConfig config = networked;
    return config == null
        ? null
        : GuestNetwork.ofMachine(config, machine, note -> console.note("lockstep: " + note));
  }

  private MachineEnd await() {
    try {
      return machine.ended().get();
    } catch (ExecutionException e) {
      throw failure(e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("the command was interrupted", "Run it again.", e);
    }
  }

  /** What a future failed with, to be thrown on. */
  static RuntimeException failure(Throwable cause) {
    return switch (cause) {
      case CompletionException it when it.getCause() != null -> failure(it.getCause());
      case RuntimeException it -> it;
      default -> new IllegalStateException(cause);
    };
  }

  private void leave() {
    if (snapshots != null && snapshots.onLeave()) {
      snapshots.take(machine::stop);
    } else {
      machine.stop();
    }
  }

  private void snapshot() {
    if (snapshots != null) {
      snapshots.take(machine::resume);
    }
  }

  private void forceStop(int status) {
    forcedStatus.compareAndSet(-1, status);
    machine.stop();
  }

  /** First asks the guest to end itself; a guest that does not, and a second signal, are stopped. */
  private synchronized void terminate(MachineMode mode) {
    terms++;
    if (terms > 1 || mode != MachineMode.LIVE || !inject(new MachineInput.CtrlAltDel())) {
      forceStop(ExitStatus.TERMINATED);
      return;
    }
    machine
        .ended()
        .copy()
        .orTimeout(GRACE_MILLIS, TimeUnit.MILLISECONDS)
        .whenComplete((end, late) -> forceStop(ExitStatus.TERMINATED));
  }

  private boolean inject(MachineInput input) {
    try {
      return machine.inject(input);
    } catch (IllegalStateException _) {
      return false; // it is not live any more
    }
  }

  /** What keys do. */
  private final class Keys implements Console.Listener {
    private final Console console;
    private final MachineMode mode;

    Keys(Console console, MachineMode mode) {
      this.console = console;
      this.mode = mode;
    }

    @Override
    public boolean typed(byte[] bytes) {
      // A replay's input comes from its log.
      return mode != MachineMode.LIVE || inject(new MachineInput.ConsoleBytes(UART0, bytes));
    }

    @Override
    public void action(ConsoleAction action) {
      switch (action) {
        case LEAVE -> leave();
        case SNAPSHOT -> snapshot();
        case CTRL_ALT_DEL -> {
          if (mode == MachineMode.LIVE) {
            inject(new MachineInput.CtrlAltDel());
          }
        }
        case STATUS -> console.note(describe(machine.status()));
        case HELP -> console.note(Console.help());
      }
    }
  }

  private static String describe(MachineStatus status) {
    return "lockstep: %s %s, %.1f s of virtual time (%.0f ms behind), %,d instructions, %,d branches, %,d log entries"
        .formatted(
            status.mode().name().toLowerCase(Locale.ROOT),
            status.state().name().toLowerCase(Locale.ROOT),
            status.virtualNanos() / 1e9,
            status.behindNanos() / 1e6,
            status.instructions(),
            status.branchCount(),
            status.entries());
  }
}

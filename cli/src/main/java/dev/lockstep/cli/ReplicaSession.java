package dev.lockstep.cli;

import dev.lockstep.cli.console.Console;
import dev.lockstep.cli.console.ConsoleAction;
import dev.lockstep.cli.console.TerminalMode;
import dev.lockstep.cli.control.ControlPort;
import dev.lockstep.cli.control.HistorySink;
import dev.lockstep.cli.net.GuestNetwork;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.console.ConsoleServer;
import dev.lockstep.ft.hosts.HostRegistration;
import dev.lockstep.ft.replica.OutputSink;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaEnd;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.kvm.ThreadPriority;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DeviceIndexes;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.OutputConsumer;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** One replica in this process, from its start to its end: its console, its signals and what it says of itself. */
final class ReplicaSession {
  /** Index of the first UART, as a device and as a stream. */
  private static final int UART0 = DeviceIndexes.UART0;

  private static final int HISTORY_BYTES = 1 << 20;
  private static final long STATUS_MILLIS = 250;

  /** A certificate that is about to end is told of at the start and once a day. */
  private static final long TURNS_BETWEEN_WARNINGS = TimeUnit.DAYS.toMillis(1) / STATUS_MILLIS;

  /** Starts a replica. */
  interface Starter {
    Replica start(OutputSink outside, ReplicaListener listener);
  }

  private final ReplicaOptions options;
  private final ControlOptions controlOptions;
  private final MachineConfig config;
  private final Arbiter arbiter;
  private final @Nullable TlsIdentity tls;
  private final ConsoleHistory history = new ConsoleHistory(HISTORY_BYTES);
  private final AtomicInteger forcedStatus = new AtomicInteger(-1);
  private volatile @Nullable Replica replica;
  private int terms;

  /**
   * @param config of the VM
   * @param arbiter of the pair
   * @param tls of this host; null for a plain link
   */
  ReplicaSession(
      ReplicaOptions options,
      ControlOptions controlOptions,
      MachineConfig config,
      Arbiter arbiter,
      @Nullable TlsIdentity tls) {
    this.options = options;
    this.controlOptions = controlOptions;
    this.config = config;
    this.arbiter = arbiter;
    this.tls = tls;
  }

  /**
   * Starts a replica and serves it until it ends.
   *
   * @return the exit status
   * @throws VmmException if it cannot be started, or failed
   */
  int run(Starter starter) {
    // Before any thread of the replica's is made. Where this user may not, doctor says so.
    ThreadPriority.makeProcessUrgent();
    try (ConsoleServer server = serve();
        ControlPort.@Nullable OfOne control = controlOptions.ofOne(config)) {
      int port = server == null ? -1 : server.port();
      Starter steered = control == null ? starter : steered(starter, control);
      return options.json() ? inJson(steered, port) : onTerminal(steered, port);
    }
  }

  private Starter steered(Starter starter, ControlPort.OfOne control) {
    return (outside, listener) -> {
      Replica started = starter.start(outside, control.telling(listener));
      control.replica(started, history, arbiter);
      return started;
    };
  }

  private @Nullable ConsoleServer serve() {
    InetSocketAddress address = options.console();
    return address == null ? null : ConsoleServer.start(address, history, this::typed);
  }

  /** Where the guest's console goes: to whoever reads by offset, and to the terminal of the replica that lets it out. */
  private OutputSink outside(OutputConsumer shown) {
    return new HistorySink(history, shown);
  }

  private int inJson(Starter starter, int consolePort) {
    ReplicaReporter reporter = new ReplicaReporter.Json(System.out);
    try (Signals _ = signals();
        GuestNetwork network = network(reporter);
        Replica started =
            starter.start(
                outside(network.beside((stream, offset, bytes) -> {})),
                network.following(reporter))) {
      return serve(started, reporter, consolePort);
    }
  }

  private int onTerminal(Starter starter, int consolePort) {
    try (TerminalMode raw = TerminalMode.raw();
        Console console = Console.open(raw, UART0, System.err);
        Signals _ = signals()) {
      ReplicaReporter reporter = new ReplicaReporter.Text(console::note);
      try (GuestNetwork network = network(reporter);
          Replica started =
              starter.start(outside(network.beside(console)), network.following(reporter))) {
        console.onOutputFailure(started::stop);
        console.start(new Keys(console));
        return serve(started, reporter, consolePort);
      }
    }
  }

  private GuestNetwork network(ReplicaReporter reporter) {
    return GuestNetwork.ofReplica(config, () -> replica, reporter::note);
  }

  private int serve(Replica started, ReplicaReporter reporter, int consolePort) {
    replica = started;
    reporter.listening(started.listenAddress(), consolePort);
    if (tls == null) {
      TlsOptions.warning(started.listenAddress()).ifPresent(reporter::note);
    }
    ReplicaEnd end;
    try (HostRegistration _ = options.register(started, config, reporter::note)) {
      end = await(started, reporter);
    }
    reporter.status(started.status());
    int status = exitStatus(end);
    reporter.ended(end, status);
    return status;
  }

  private ReplicaEnd await(Replica started, ReplicaReporter reporter) {
    for (long turn = 0; ; turn++) {
      if (tls != null && turn % TURNS_BETWEEN_WARNINGS == 0) {
        tls.warning(Instant.now()).ifPresent(reporter::note);
      }
      try {
        return started.ended().get(STATUS_MILLIS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException _) {
        reporter.status(started.status());
      } catch (ExecutionException e) {
        throw MachineSession.failure(e.getCause() == null ? e : e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new VmmException("the command was interrupted", "Run it again.", e);
      }
    }
  }

  private int exitStatus(ReplicaEnd end) {
    int forced = forcedStatus.get();
    MachineEnd machineEnd = end.machineEnd();
    return switch (end.outcome()) {
      case FENCED -> ExitStatus.HANDED_OVER;
      case LEFT -> Math.max(forced, ExitStatus.OK);
      case GUEST_ENDED ->
          switch (machineEnd) {
            case null -> ExitStatus.OK;
            case MachineEnd it when it.reason() == EndReason.STOPPED ->
                Math.max(forced, ExitStatus.OK);
            case MachineEnd it -> ExitStatus.of(it);
          };
    };
  }

  private Signals signals() {
    return new Signals()
        .on("INT", () -> stop(ExitStatus.INTERRUPTED))
        .on("HUP", () -> stop(ExitStatus.TERMINATED))
        .on("TERM", this::terminate);
  }

  private void stop(int status) {
    forcedStatus.compareAndSet(-1, status);
    Replica now = replica;
    if (now != null) {
      now.stop();
    }
  }

  /** A primary first asks its guest to end itself; a guest that does not, a second signal, and a backup are stopped. */
  private synchronized void terminate() {
    terms++;
    Replica now = replica;
    if (now == null || terms > 1 || !inject(new MachineInput.CtrlAltDel())) {
      stop(ExitStatus.TERMINATED);
      return;
    }
    now.ended()
        .copy()
        .orTimeout(MachineSession.GRACE_MILLIS, TimeUnit.MILLISECONDS)
        .whenComplete((end, late) -> stop(ExitStatus.TERMINATED));
  }

  /** Takes what was typed; false if it has to wait: the replica is not up yet, or the guest's queue is full. */
  private boolean typed(byte[] bytes) {
    Replica now = replica;
    // What is typed at a backup reaches nobody.
    return now != null
        && (now.status().role() == ReplicaStatus.Role.BACKUP
            || inject(new MachineInput.ConsoleBytes(UART0, bytes)));
  }

  private boolean inject(MachineInput input) {
    Replica now = replica;
    return now != null && now.inject(input);
  }

  /** What keys do. */
  private final class Keys implements Console.Listener {
    private final Console console;

    Keys(Console console) {
      this.console = console;
    }

    @Override
    public boolean typed(byte[] bytes) {
      return ReplicaSession.this.typed(bytes);
    }

    @Override
    public void action(ConsoleAction action) {
      switch (action) {
        case LEAVE -> stop(ExitStatus.OK);
        case SNAPSHOT ->
            console.note(
                "lockstep: 'lockstep ctl snapshot' takes a replica's, at its --control PATH");
        case CTRL_ALT_DEL -> {
          if (!inject(new MachineInput.CtrlAltDel())) {
            console.note("lockstep: there is no live guest here to get Ctrl-Alt-Del");
          }
        }
        case STATUS -> {
          Replica now = replica;
          if (now != null) {
            console.note("lockstep: " + ReplicaReporter.describe(now.status()));
          }
        }
        case HELP -> console.note(Console.help());
      }
    }
  }
}

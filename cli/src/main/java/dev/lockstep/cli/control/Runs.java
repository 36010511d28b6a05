package dev.lockstep.cli.control;

import dev.lockstep.cli.net.GuestNetwork;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.EventRing;
import dev.lockstep.ft.control.Requests;
import dev.lockstep.ft.control.proto.ReplicaOptions;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.core.StartPolicy;
import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.replica.ConfiguredSource;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaListener;
import dev.lockstep.ft.replica.ReplicaSettings;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.DriveConfig;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.disk.DiskMarker;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.replay.DiskFailureNotes;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Starts runs of VMs. */
final class Runs {
  private static final String ANY_PORT = "127.0.0.1:0";

  private Runs() {}

  private static long wallClockNanos() {
    Instant now = Instant.now();
    return TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano();
  }

  /** Boots a machine without replication. */
  static VmRun alone(MachineConfig config, boolean forceDisks, Consumer<String> notes) {
    DiskMarker.Unfit unfit = forceDisks ? DiskMarker.Unfit.USE : DiskMarker.Unfit.REFUSE;
    for (DriveConfig drive : config.drives()) {
      DiskMarker.requireStartable(drive.path(), config.name(), unfit);
    }
    return started(
        ConfiguredMachine.create(
            config, ConfiguredMachine.spec(config, wallClockNanos()), DiskUse.DIRECT),
        config,
        notes);
  }

  /** Goes on from a snapshot's state, on disks that are as they were. */
  static VmRun restored(MachineConfig config, Path state, Consumer<String> notes) {
    return started(ConfiguredMachine.restore(config, DiskUse.DIRECT, state), config, notes);
  }

  private static VmRun started(Machine machine, MachineConfig config, Consumer<String> notes) {
    try {
      GuestNetwork network = GuestNetwork.ofMachine(config, machine, notes);
      MachineRun run = new MachineRun(machine, config, network);
      machine.start(
          new DiskFailureNotes(notes),
          new DirectGate(
              new HistorySink(run.console(), network.beside((stream, offset, bytes) -> {}))),
          1);
      network.goLive();
      return run;
    } catch (RuntimeException e) {
      machine.close();
      throw e;
    }
  }

  /** What a replica needs of the VM that it is a run of. */
  record Home(MachineConfig config, Path work, String programVersion, PairMeans means, Told told) {}

  /** Whoever is told of a VM's replica. */
  interface Told {
    /** Role, phase or reason changed. Must not block. */
    void changed();

    /** Where notes go. */
    EventRing events();
  }

  /** Powers a VM on as the primary of a pair. */
  static VmRun primary(Home home, StartPrimary options, boolean forceDisks) {
    return primary(
        home, options, new ConfiguredSource(home.config(), wallClockNanos(), forceDisks));
  }

  /** Goes on from a snapshot's state as the primary of a pair, on disks that are as they were. */
  static VmRun restoredPrimary(Home home, StartPrimary options, Path state) {
    return primary(home, options, ConfiguredSource.restored(home.config(), state));
  }

  private static VmRun primary(Home home, StartPrimary options, ConfiguredSource source) {
    return replica(
        home,
        options.getReplica(),
        "primary",
        options.getUnprotected() ? StartPolicy.START_ALONE : StartPolicy.WAIT_FOR_BACKUP,
        source,
        Replica::primary);
  }

  /** Makes a VM a backup. */
  static VmRun backup(Home home, ReplicaOptions options, boolean forceDisks) {
    return replica(
        home,
        options,
        "backup",
        StartPolicy.START_ALONE,
        new ConfiguredSource(home.config(), wallClockNanos(), forceDisks),
        Replica::backup);
  }

  /** One of the ways in which a replica comes to be. */
  @FunctionalInterface
  private interface Beginning {
    Replica begin(
        ConfiguredSource source,
        ReplicaSettings settings,
        Arbiter arbiter,
        HistorySink outside,
        ReplicaListener listener);
  }

  private static VmRun replica(
      Home home,
      ReplicaOptions options,
      String role,
      StartPolicy policy,
      ConfiguredSource source,
      Beginning beginning) {
    MachineConfig config = home.config();
    String name = Requests.limited("name", options.getName());
    String listen = options.getListen();
    String peer = options.getPeer();
    ReplicaSettings settings =
        ReplicaSettings.builder(name.isEmpty() ? role : name, home.work(), config.replication())
            .programVersion(home.programVersion())
            .listen(Requests.address("listen", listen.isEmpty() ? ANY_PORT : listen))
            .peer(peer.isEmpty() ? null : Requests.address("peer", peer))
            .startPolicy(policy)
            .tls(home.means().tls())
            .build();
    Arbiter arbiter = home.means().arbiters().apply(arbiterText(config, options));
    ConsoleHistory console = new ConsoleHistory(VmRun.HISTORY_BYTES);
    AtomicReference<@Nullable Replica> made = new AtomicReference<>();
    GuestNetwork network =
        GuestNetwork.ofReplica(
            config, made::get, note -> home.told().events().note(config.name(), note));
    try {
      Replica replica =
          beginning.begin(
              source,
              settings,
              arbiter,
              new HistorySink(console, network.beside((stream, offset, bytes) -> {})),
              network.following(listener(config.name(), home.told())));
      made.set(replica);
      return new ReplicaRun(config, replica, console, arbiter, network);
    } catch (RuntimeException e) {
      network.close();
      throw e;
    }
  }

  private static String arbiterText(MachineConfig config, ReplicaOptions options) {
    String asked = options.getArbiterPath();
    @Nullable String configured = config.replication().arbiter();
    if (!asked.isEmpty()) {
      return EtcdAddress.isMeant(asked) ? asked : Requests.path("arbiter_path", asked).toString();
    }
    if (configured == null) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "no arbiter is given for VM '%s', and without one nobody can decide who goes on alone"
              .formatted(config.name()),
          "Give arbiter_path, or the configuration's arbiter: a folder that both replicas share, or etcd://HOST:PORT.");
    }
    return configured;
  }

  private static ReplicaListener listener(String vm, Told told) {
    return new ReplicaListener() {
      @Override
      public void changed(ReplicaStatus status) {
        told.changed();
      }

      @Override
      public void note(String sentence) {
        told.events().note(vm, sentence);
      }
    };
  }

  /** What a future of the host failed with. */
  static RuntimeException failure(@Nullable Throwable cause) {
    return switch (cause) {
      case VmmException it -> it;
      case RuntimeException it -> it;
      case null, default -> new IllegalStateException(cause);
    };
  }
}

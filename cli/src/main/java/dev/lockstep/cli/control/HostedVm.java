package dev.lockstep.cli.control;

import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.EventRing;
import dev.lockstep.ft.control.Requests;
import dev.lockstep.ft.control.Words;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import dev.lockstep.ft.control.proto.ReplicaOptions;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.StartPrimary;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.engine.Purpose;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A VM of a daemon: a definition that is run again and again. */
final class HostedVm implements ControlledVm {
  private static final String START_ADVICE = "Start it first.";

  /** How long a run that has ended may take to release what it has. */
  private static final long CLOSING_SECONDS = 10;

  /** A run and what completes when it is over and released. */
  private record Current(VmRun run, CompletableFuture<VmEnd> over) {}

  private final String name;
  private final VmFolder folder;
  private final SnapshotStore snapshots;
  private final String programVersion;
  private final PairMeans means;
  private final EventRing events;

  /** Held by whoever starts it, or changes what it is. */
  private final Semaphore changing = new Semaphore(1);

  private volatile Definition definition;
  private volatile long memoryBytes;
  private volatile String engine = "";
  private volatile boolean starting;
  private volatile @Nullable Current current;
  private volatile @Nullable VmEnd lastEnd;
  private volatile @Nullable ConsoleHistory console;
  private VmStatus told = VmStatus.getDefaultInstance();

  HostedVm(
      String name,
      Definition definition,
      VmFolder folder,
      SnapshotStore snapshots,
      String programVersion,
      PairMeans means,
      EventRing events) {
    this.name = name;
    this.definition = definition;
    this.folder = folder;
    this.snapshots = snapshots;
    this.programVersion = programVersion;
    this.means = means;
    this.events = events;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public VmStatus status() {
    VmStatus.Builder status =
        VmStatus.newBuilder().setName(name).setMemoryBytes(memoryBytes).setEngine(engine);
    Current now = current;
    VmEnd end = lastEnd;
    if (now != null) {
      now.run().describe(status);
      VmEnd just = now.run().ended().getNow(null);
      if (just != null) {
        status.setEnd(just);
      }
    } else if (starting) {
      status.setState(VmState.VM_STATE_STARTING);
    } else if (end != null) {
      status
          .setState(
              end.getReason().equals("failed") ? VmState.VM_STATE_FAILED : VmState.VM_STATE_ENDED)
          .setEnd(end);
    } else {
      status.setState(VmState.VM_STATE_CREATED);
    }
    ConsoleHistory kept = console;
    if (kept != null) {
      status.getConsoleBuilder().setOldestOffset(kept.oldest()).setEndOffset(kept.end());
    }
    return status.build();
  }

  // ---- what starts it

  @Override
  public void start(StartOptions options) {
    changing(() -> begin(() -> run(options)));
  }

  private void note(String sentence) {
    events.note(name(), sentence);
  }

  private VmRun run(StartOptions options) {
    boolean force = options.getForceDisks();
    return switch (options.getModeCase()) {
      case ALONE, MODE_NOT_SET -> Runs.alone(known(Purpose.FREE_RUNNING), force, this::note);
      case PRIMARY -> {
        StartPrimary primary = options.getPrimary();
        yield Runs.primary(home(definition, primary.getReplica()), primary, force);
      }
      case BACKUP -> {
        ReplicaOptions replica = options.getBackup().getReplica();
        yield Runs.backup(home(definition, replica), replica, force);
      }
    };
  }

  private MachineConfig known(Purpose purpose) {
    return known(definition.config(purpose));
  }

  private MachineConfig known(MachineConfig config) {
    memoryBytes = config.memoryBytes();
    engine = config.engine();
    return config;
  }

  private Runs.Home home(Definition of, ReplicaOptions options) {
    return new Runs.Home(
        known(of.config(Purpose.REPLICATED, options)),
        folder.work(),
        programVersion,
        means,
        new Runs.Told() {
          @Override
          public void changed() {
            tell();
          }

          @Override
          public EventRing events() {
            return events;
          }
        });
  }

  @Override
  public void restore(Path from, StartOptions how) {
    changing(() -> begin(() -> restored(from, how)));
  }

  private VmRun restored(Path from, StartOptions how) {
    MachineConfig kept = snapshots.config(from, purpose(how));
    if (!kept.name().equals(name)) {
      throw new ControlException(
          ControlException.Kind.INVALID,
          "the snapshot in '%s' is of VM '%s', not of '%s'".formatted(from, kept.name(), name),
          "Name a snapshot of this VM, or create that one from it.");
    }
    Path disks = folder.nextRestored();
    Definition copied;
    VmRun run;
    try {
      MachineConfig config = known(snapshots.copyDisks(kept, disks));
      copied = Definition.of(config);
      StartPrimary primary = how.getPrimary();
      run =
          how.hasPrimary()
              ? Runs.restoredPrimary(
                  home(copied, primary.getReplica()), primary, snapshots.state(from))
              : Runs.restored(config, snapshots.state(from), this::note);
    } catch (RuntimeException e) {
      folder.discard(disks);
      throw e;
    }
    // From here on these disks are the VM's; those it had are untouched.
    definition = copied;
    folder.define(copied.text());
    return run;
  }

  /** What a machine is for that goes on from a snapshot. */
  static Purpose purpose(StartOptions how) {
    return switch (how.getModeCase()) {
      case PRIMARY -> Purpose.REPLICATED;
      case ALONE, MODE_NOT_SET -> Purpose.FREE_RUNNING;
      case BACKUP ->
          throw new ControlException(
              ControlException.Kind.INVALID,
              "a backup has its primary's state, and none of a snapshot's",
              "Restore the snapshot alone or as a primary, and start the backup beside it.");
    };
  }

  @Override
  public RecoverVmResponse recover(RecoverVmRequest request) {
    List<Path> others =
        request.getOthersList().stream().map(image -> Requests.path("others", image)).toList();
    return changing(() -> {
      if (request.hasStart()) {
        requireIdle();
      }
      DiskStanding standing = DiskStanding.of(definition.config(Purpose.REPLICATED), others);
      if (request.hasStart()) {
        if (!standing.startable() && !request.getForce()) {
          throw Wrong.state(
              name,
              "is not started: " + standing.verdict(),
              "Start it where its right image is, or force its use and lose what was written since.");
        }
        StartOptions options =
            StartOptions.newBuilder()
                .setPrimary(request.getStart().toBuilder().setUnprotected(true))
                .setForceDisks(request.getForce())
                .build();
        begin(() -> run(options));
      }
      return RecoverVmResponse.newBuilder()
          .addAllImages(standing.images())
          .setStartable(standing.startable())
          .setVerdict(standing.verdict())
          .setVm(status())
          .build();
    });
  }

  /** Forgets what is kept of it. */
  void forget() {
    changing(() -> {
      requireIdle();
      folder.forget();
      return name;
    });
  }

  private <T> T changing(Supplier<T> change) {
    if (!changing.tryAcquire()) {
      throw Wrong.busy(name, "with a start that is under way");
    }
    try {
      return change.get();
    } finally {
      changing.release();
    }
  }

  private void requireIdle() {
    Current now = current;
    if (now != null && isToldToHaveEnded(now)) {
      // It is closing its files.
      now.over()
          .copy()
          .completeOnTimeout(VmEnd.getDefaultInstance(), CLOSING_SECONDS, TimeUnit.SECONDS)
          .join();
    }
    if (current != null) {
      throw Wrong.state(
          name,
          "is %s".formatted(Words.of(status().getState())),
          "Stop it first, or kill it; of a pair, the backup first.");
    }
  }

  /** Its machine may be known to have ended a little before the run is. */
  private boolean isToldToHaveEnded(Current now) {
    return now.run().ended().isDone() || hasEnded(status().getState());
  }

  private static boolean hasEnded(VmState state) {
    return state == VmState.VM_STATE_ENDED || state == VmState.VM_STATE_FAILED;
  }

  private Current begin(Supplier<VmRun> starter) {
    requireIdle();
    starting = true;
    try {
      VmRun run = starter.get();
      Current began = new Current(run, new CompletableFuture<>());
      console = run.console();
      lastEnd = null;
      current = began;
      run.ended()
          .thenAccept(
              end -> Thread.ofVirtual().name("end-" + name).start(() -> finish(began, end)));
      return began;
    } finally {
      starting = false;
      tell();
    }
  }

  private void finish(Current over, VmEnd end) {
    over.run().close();
    lastEnd = end;
    current = null;
    tell();
    over.over().complete(end);
  }

  /** Publishes what it is now, if that is news but for counters. */
  private void tell() {
    VmStatus now = status();
    VmStatus standing =
        VmStatus.newBuilder()
            .setState(now.getState())
            .setRole(now.getRole())
            .setProtection(now.getProtection())
            .setReason(now.getReason())
            .setLive(now.getLive())
            .setEnd(now.getEnd())
            .setReplication(
                now.getReplication().toBuilder()
                    .clearLagMillis()
                    .clearLagEntries()
                    .clearHeldOutputs()
                    .clearLogBytes()
                    .clearLogEntries()
                    .clearThrottlePercent())
            .build();
    synchronized (this) {
      if (standing.equals(told)) {
        return;
      }
      told = standing;
      events.changed(now);
    }
  }

  // ---- what acts on the run there is

  private Current running() {
    Current now = current;
    if (now == null) {
      VmState state = status().getState();
      throw Wrong.state(
          name,
          state == VmState.VM_STATE_STARTING
              ? "is starting"
              : "does not run (it is %s)".formatted(Words.of(state)),
          state == VmState.VM_STATE_STARTING ? "Ask again when it runs." : START_ADVICE);
    }
    return now;
  }

  @Override
  public void pause() throws InterruptedException {
    Steering.pause(name, running().run());
    tell();
  }

  @Override
  public void resume() {
    running().run().resume();
    tell();
  }

  @Override
  public void stop(long graceMillis) throws InterruptedException {
    Current now = running();
    Steering.stop(name, now.run(), now.over(), graceMillis);
  }

  @Override
  public void kill() {
    Current now = running();
    now.run().kill();
    now.over().join();
  }

  /** As {@link #stop}, for a daemon that ends. */
  void shutDown(long graceMillis) {
    try {
      if (current != null) {
        stop(graceMillis);
      }
    } catch (ControlException e) {
      // It ended by itself, or does not end; close() follows.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  void close() {
    Current now = current;
    if (now != null) {
      now.run().kill();
      now.over().join();
    }
  }

  @Override
  public SnapshotVmResponse snapshot(Path to, int keep) throws InterruptedException {
    VmRun run = running().run();
    return snapshots.inSeries(name, to, keep, own -> run.snapshot(own, snapshots));
  }

  @Override
  public CompletableFuture<Void> protect(
      InetSocketAddress standby, @Nullable Integer maxPauseMillis) {
    return running().run().protect(standby, maxPauseMillis);
  }

  @Override
  public CompletableFuture<Void> unprotect() {
    return running().run().unprotect();
  }

  @Override
  public CompletableFuture<Void> failover() {
    return running().run().failover();
  }

  @Override
  public ConsoleHistory console() {
    ConsoleHistory kept = console;
    if (kept == null) {
      throw Wrong.state(name, "has never run here, so it has no console", START_ADVICE);
    }
    return kept;
  }

  @Override
  public boolean type(byte[] bytes) {
    Current now = current;
    return now == null || now.run().type(bytes);
  }

  @Override
  public CommitLatency.@Nullable Snapshot commitLatency() {
    Current now = current;
    return now == null ? null : now.run().commitLatency();
  }
}

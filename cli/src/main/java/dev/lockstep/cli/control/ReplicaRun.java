package dev.lockstep.cli.control;

import dev.lockstep.cli.net.GuestNetwork;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.Statuses;
import dev.lockstep.ft.control.proto.CommitRule;
import dev.lockstep.ft.control.proto.ReplicationSettings;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.ft.replica.StandingReplica;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.config.ReplicationConfig;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineStatus;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A replica: a primary, or a backup that may become one. */
final class ReplicaRun implements VmRun {
  private final MachineConfig config;
  private final Replica replica;
  private final ConsoleHistory console;
  private final @Nullable GuestNetwork network;
  private final String arbiter;
  private final CompletableFuture<VmEnd> ended;
  private final AtomicBoolean snapshotting = new AtomicBoolean();
  private volatile boolean paused;
  private volatile boolean killed;

  /**
   * @param console gets what leaves the machine, by whoever made the replica
   * @param network ends with the run; null if whoever made it looks after it
   */
  ReplicaRun(
      MachineConfig config,
      Replica replica,
      ConsoleHistory console,
      Arbiter arbiter,
      @Nullable GuestNetwork network) {
    this.config = config;
    this.replica = replica;
    this.console = console;
    this.network = network;
    this.arbiter = arbiter.describe();
    ended =
        replica.ended().handle((end, failure) -> RunEnds.of(end, Statuses::end, failure, killed));
    // All that leaves here has left; readers come to its end, and go on at the other replica.
    ended.thenRun(console::close);
  }

  @Override
  public void describe(VmStatus.Builder into) {
    MachineStatus machine = replica.machineStatus();
    if (machine != null) {
      Statuses.machine(machine, into);
    }
    InetSocketAddress listens = replica.listenAddress();
    into.getReplicationBuilder()
        .setArbiter(arbiter)
        .setSettings(settings())
        .setListenAddress(
            "%s:%d".formatted(listens.getAddress().getHostAddress(), listens.getPort()));
    Statuses.replica(replica.status(), into);
    if (paused && into.getState() == VmState.VM_STATE_RUNNING) {
      into.setState(VmState.VM_STATE_PAUSED);
    } else if (!paused && into.getState() == VmState.VM_STATE_PAUSED) {
      into.setState(VmState.VM_STATE_RUNNING);
    }
  }

  private ReplicationSettings settings() {
    ReplicationConfig configured = config.replication();
    return ReplicationSettings.newBuilder()
        .setCommit(
            switch (configured.commit()) {
              case MATCHED -> CommitRule.COMMIT_RULE_MATCHED;
              case RECEIVED -> CommitRule.COMMIT_RULE_RECEIVED;
            })
        .setMaxPauseMillis(replica.maxPauseMillis())
        .setMaxLagMillis(configured.maxLagMillis())
        .setHeartbeatMillis(configured.heartbeatMillis())
        .setSilenceMillis(configured.silenceMillis())
        .setAckTimeoutMillis(configured.ackTimeoutMillis())
        .build();
  }

  @Override
  public CompletableFuture<Void> pause() {
    requirePrimary("a pause");
    return Wrong.unlessTooMany(config.name(), replica::pause).thenRun(() -> paused = true);
  }

  @Override
  public void resume() {
    requirePrimary("resuming");
    paused = false;
    replica.resume();
  }

  private void requirePrimary(String what) {
    if (replica.status().role() != ReplicaStatus.Role.PRIMARY) {
      throw Wrong.state(
          config.name(),
          "is a backup here, and %s is for its primary".formatted(what),
          "Ask the primary.");
    }
  }

  @Override
  public boolean askToShutDown() {
    return !paused && replica.inject(new MachineInput.CtrlAltDel());
  }

  @Override
  public void end() {
    replica.stop();
  }

  @Override
  public void kill() {
    killed = true;
    replica.close();
  }

  @Override
  public CompletableFuture<VmEnd> ended() {
    return ended;
  }

  @Override
  public ConsoleHistory console() {
    return console;
  }

  @Override
  public boolean type(byte[] bytes) {
    if (ended.isDone()) {
      return true; // nobody reads it here; the console comes to its end
    }
    requirePrimary("typing");
    return replica.inject(new MachineInput.ConsoleBytes(UART0, bytes));
  }

  @Override
  public SnapshotVmResponse snapshot(Path folder, SnapshotStore store) throws InterruptedException {
    if (!snapshotting.compareAndSet(false, true)) {
      throw Wrong.busy(config.name(), "with another snapshot");
    }
    long began = System.nanoTime();
    try (StandingReplica standing = replica.stand()) {
      store.make(folder);
      return store
          .take(folder, standing.machine(), config, began, () -> requireStood(standing))
          .setRole(
              standing.at().role() == ReplicaStatus.Role.PRIMARY
                  ? VmRole.VM_ROLE_PRIMARY
                  : VmRole.VM_ROLE_BACKUP)
          .setEpoch(standing.at().epoch())
          .build();
    } finally {
      snapshotting.set(false);
    }
  }

  private void requireStood(StandingReplica standing) {
    if (!standing.hasStood()) {
      throw Wrong.state(
          config.name(),
          "has changed its role or its state here while the snapshot was taken",
          "See its status, and take it again.");
    }
  }

  // ---- What a replica does for its pair.

  @Override
  public CompletableFuture<Void> protect(
      InetSocketAddress standby, @Nullable Integer maxPauseMillis) {
    requirePrimary("bringing a backup in");
    return inState(replica.protect(standby, maxPauseMillis));
  }

  @Override
  public CompletableFuture<Void> unprotect() {
    requirePrimary("going on without a backup");
    return inState(replica.unprotect());
  }

  @Override
  public CompletableFuture<Void> failover() {
    requirePrimary("handing the guest over");
    return inState(replica.failover());
  }

  /** What a replica refuses, it refuses in the state in which it is. */
  private CompletableFuture<Void> inState(CompletableFuture<Void> order) {
    return order.handle((done, failure) -> {
      if (failure == null) {
        return done;
      }
      Throwable cause = RunEnds.cause(failure);
      throw cause instanceof VmmException it
          ? new ControlException(
              ControlException.Kind.WRONG_STATE, String.valueOf(it.getMessage()), it.advice())
          : Runs.failure(cause);
    });
  }

  @Override
  public CommitLatency.Snapshot commitLatency() {
    return replica.commitLatency().snapshot();
  }

  @Override
  public void close() {
    console.close();
    replica.close();
    if (network != null) {
      network.close();
    }
  }
}

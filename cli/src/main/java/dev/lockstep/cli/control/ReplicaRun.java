package dev.lockstep.cli.control;

import dev.lockstep.cli.net.GuestNetwork;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.Statuses;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import dev.lockstep.ft.replica.Replica;
import dev.lockstep.ft.replica.ReplicaEnd;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineStatus;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** A replica: a primary, or a backup that may become one. */
final class ReplicaRun implements VmRun {
  private final String vm;
  private final Replica replica;
  private final ConsoleHistory console;
  private final @Nullable GuestNetwork network;
  private final String arbiter;
  private final CompletableFuture<VmEnd> ended;
  private volatile boolean paused;
  private volatile boolean killed;

  /**
   * @param console gets what leaves the machine, by whoever made the replica
   * @param network ends with the run; null if whoever made it looks after it
   */
  ReplicaRun(
      String vm,
      Replica replica,
      ConsoleHistory console,
      Arbiter arbiter,
      @Nullable GuestNetwork network) {
    this.vm = vm;
    this.replica = replica;
    this.console = console;
    this.network = network;
    this.arbiter = arbiter.describe();
    ended = replica.ended().handle(this::endOf);
    // All that leaves here has left; readers come to its end, and go on at the other replica.
    ended.thenRun(console::close);
  }

  private VmEnd endOf(@Nullable ReplicaEnd end, @Nullable Throwable failure) {
    if (end != null) {
      return Statuses.end(end);
    }
    if (killed) {
      return VmEnd.newBuilder().setReason("killed").build();
    }
    return Statuses.failure(
        failure instanceof CompletionException it && it.getCause() != null
            ? it.getCause()
            : failure == null ? new IllegalStateException("an end without a reason") : failure);
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
        .setListenAddress(
            "%s:%d".formatted(listens.getAddress().getHostAddress(), listens.getPort()));
    Statuses.replica(replica.status(), into);
    if (paused && into.getState() == VmState.VM_STATE_RUNNING) {
      into.setState(VmState.VM_STATE_PAUSED);
    } else if (!paused && into.getState() == VmState.VM_STATE_PAUSED) {
      into.setState(VmState.VM_STATE_RUNNING);
    }
  }

  @Override
  public CompletableFuture<Void> pause() {
    requirePrimary("a pause");
    return Wrong.unlessTooMany(vm, replica::pause).thenRun(() -> paused = true);
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
          vm, "is a backup here, and %s is for its primary".formatted(what), "Ask the primary.");
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
  public SnapshotVmResponse snapshot(Path folder, SnapshotStore store) {
    throw Wrong.state(
        vm,
        "is replicated, and a replica writes no snapshot",
        "Stop it and start it alone to take one; its backup is the copy of it meanwhile.");
  }

  // ---- What a replica does for its pair.

  @Override
  public CompletableFuture<Void> protect(InetSocketAddress standby) {
    requirePrimary("bringing a backup in");
    return inState(replica.protect(standby));
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
      Throwable cause =
          failure instanceof CompletionException it && it.getCause() != null
              ? it.getCause()
              : failure;
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

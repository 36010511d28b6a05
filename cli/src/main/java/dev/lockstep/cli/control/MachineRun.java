package dev.lockstep.cli.control;

import dev.lockstep.cli.net.GuestNetwork;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.Statuses;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineInput;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A machine without replication. Whoever makes it starts the machine, with {@link #console} among what it puts out to. */
final class MachineRun implements VmRun {
  private static final String NO_PAIR_ADVICE =
      "Stop it, and start it as a primary; then a backup can join it. From a snapshot it goes on as a primary without a boot.";

  private final Machine machine;
  private final MachineConfig config;
  private final @Nullable GuestNetwork network;
  private final ConsoleHistory console = new ConsoleHistory(HISTORY_BYTES);
  private final CompletableFuture<VmEnd> ended;
  private final AtomicBoolean snapshotting = new AtomicBoolean();
  private volatile boolean paused;
  private volatile boolean killed;

  /**
   * @param network ends with the run; null if whoever made the machine looks after it
   */
  MachineRun(Machine machine, MachineConfig config, @Nullable GuestNetwork network) {
    this.machine = machine;
    this.config = config;
    this.network = network;
    ended =
        machine.ended().handle((end, failure) -> RunEnds.of(end, Statuses::end, failure, killed));
    // All that the guest has put out is there; readers come to its end.
    ended.thenRun(console::close);
  }

  @Override
  public void describe(VmStatus.Builder into) {
    Statuses.machine(machine.status(), into);
    if (into.getState() == VmState.VM_STATE_STARTING) {
      // It was started, and comes to its first boundary soon.
      into.setState(VmState.VM_STATE_RUNNING);
    }
    if (paused && into.getState() == VmState.VM_STATE_RUNNING) {
      into.setState(VmState.VM_STATE_PAUSED);
    } else if (!paused && into.getState() == VmState.VM_STATE_PAUSED) {
      // It runs on, or stands for a moment, for a snapshot.
      into.setState(VmState.VM_STATE_RUNNING);
    }
    Statuses.alone(into);
  }

  @Override
  public CompletableFuture<Void> pause() {
    return Wrong.unlessTooMany(config.name(), machine::pause).thenRun(() -> paused = true);
  }

  @Override
  public void resume() {
    paused = false;
    if (!snapshotting.get()) {
      machine.resume();
    }
  }

  @Override
  public boolean askToShutDown() {
    return !paused && machine.inject(new MachineInput.CtrlAltDel());
  }

  @Override
  public void end() {
    machine.stop();
  }

  @Override
  public void kill() {
    killed = true;
    machine.kill();
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
    // Nobody reads what is typed at an end; its console comes to its own.
    return ended.isDone() || machine.inject(new MachineInput.ConsoleBytes(UART0, bytes));
  }

  @Override
  public SnapshotVmResponse snapshot(Path folder, SnapshotStore store) throws InterruptedException {
    if (!snapshotting.compareAndSet(false, true)) {
      throw Wrong.busy(config.name(), "with another snapshot");
    }
    try {
      store.make(folder);
      long began = System.nanoTime();
      machine.pause().get();
      return store
          .take(folder, machine, config, began, () -> {})
          .setRole(VmRole.VM_ROLE_ALONE)
          .build();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof VmmException it ? it : new IllegalStateException(e);
    } finally {
      snapshotting.set(false);
      if (!paused) {
        machine.resume();
      }
    }
  }

  @Override
  public CompletableFuture<Void> protect(
      InetSocketAddress standby, @Nullable Integer maxPauseMillis) {
    throw notAPair();
  }

  @Override
  public CompletableFuture<Void> unprotect() {
    throw notAPair();
  }

  @Override
  public CompletableFuture<Void> failover() {
    throw notAPair();
  }

  private RuntimeException notAPair() {
    return Wrong.state(config.name(), "runs alone, without replication", NO_PAIR_ADVICE);
  }

  @Override
  public CommitLatency.@Nullable Snapshot commitLatency() {
    return null;
  }

  @Override
  public void close() {
    console.close();
    machine.close();
    if (network != null) {
      network.close();
    }
  }
}

package dev.lockstep.cli.control;

import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.ControlException;
import dev.lockstep.ft.control.ControlledVm;
import dev.lockstep.ft.control.Requests;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import dev.lockstep.vmm.config.MachineConfig;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The one VM of a command: its process begins and ends with it. */
final class SoleVm implements ControlledVm {
  private static final String DAEMON_ADVICE =
      "Run the command again; 'lockstep daemon' hosts VMs that are started and stopped.";

  private final MachineConfig config;
  private final VmRun run;
  private final SnapshotStore snapshots;
  private final Runnable changed;

  /**
   * @param changed told that it is not what it was
   */
  SoleVm(MachineConfig config, VmRun run, SnapshotStore snapshots, Runnable changed) {
    this.config = config;
    this.run = run;
    this.snapshots = snapshots;
    this.changed = changed;
  }

  @Override
  public String name() {
    return config.name();
  }

  @Override
  public VmStatus status() {
    VmStatus.Builder status =
        VmStatus.newBuilder()
            .setName(config.name())
            .setMemoryBytes(config.memoryBytes())
            .setEngine(config.engine());
    run.describe(status);
    VmEnd end = run.ended().getNow(null);
    if (end != null) {
      status.setEnd(end);
    }
    status
        .getConsoleBuilder()
        .setOldestOffset(run.console().oldest())
        .setEndOffset(run.console().end());
    return status.build();
  }

  private ControlException ofItsCommand(String what) {
    return Wrong.state(
        config.name(), "belongs to the command that runs it, and cannot be " + what, DAEMON_ADVICE);
  }

  @Override
  public void start(StartOptions options) {
    throw ofItsCommand("started by a call");
  }

  @Override
  public void restore(Path folder, StartOptions how) {
    throw ofItsCommand("restored by a call");
  }

  @Override
  public void pause() throws InterruptedException {
    Steering.pause(config.name(), run);
    changed.run();
  }

  @Override
  public void resume() {
    run.resume();
    changed.run();
  }

  @Override
  public void stop(long graceMillis) throws InterruptedException {
    Steering.stop(config.name(), run, run.ended(), graceMillis);
  }

  @Override
  public void kill() {
    run.kill();
    run.ended().join();
  }

  @Override
  public SnapshotVmResponse snapshot(Path folder, int keep) throws InterruptedException {
    return snapshots.inSeries(name(), folder, keep, own -> run.snapshot(own, snapshots));
  }

  @Override
  public CompletableFuture<Void> protect(
      InetSocketAddress standby, @Nullable Integer maxPauseMillis) {
    return run.protect(standby, maxPauseMillis);
  }

  @Override
  public CompletableFuture<Void> unprotect() {
    return run.unprotect();
  }

  @Override
  public CompletableFuture<Void> failover() {
    return run.failover();
  }

  @Override
  public RecoverVmResponse recover(RecoverVmRequest request) {
    if (request.hasStart()) {
      throw ofItsCommand("started by a call");
    }
    List<Path> others =
        request.getOthersList().stream().map(image -> Requests.path("others", image)).toList();
    DiskStanding standing = DiskStanding.of(config, others);
    return RecoverVmResponse.newBuilder()
        .addAllImages(standing.images())
        .setStartable(standing.startable())
        .setVerdict(standing.verdict())
        .setVm(status())
        .build();
  }

  @Override
  public ConsoleHistory console() {
    return run.console();
  }

  @Override
  public boolean type(byte[] bytes) {
    return run.type(bytes);
  }

  @Override
  public CommitLatency.@Nullable Snapshot commitLatency() {
    return run.commitLatency();
  }
}

package dev.lockstep.cli.control;

import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** One run of a VM in this process, from its start to its end. Safe for use by several threads. */
interface VmRun extends AutoCloseable {
  /** Index of the first UART, as a device and as a stream. */
  int UART0 = 0;

  /** How much of the console is kept for those who read by offset. */
  int HISTORY_BYTES = 1 << 20;

  /** Adds state, role, protection and counters. */
  void describe(VmStatus.Builder into);

  /** Stops the vCPU between two instructions; completes when it stands. */
  CompletableFuture<Void> pause();

  /** Lets it run on. */
  void resume();

  /**
   * Asks the guest to shut down.
   *
   * @return false if nobody can be asked: it is paused, or does not run here
   */
  boolean askToShutDown();

  /** Ends it in order, without asking the guest. {@link #ended} tells. */
  void end();

  /** Ends it at once, as a crash would. {@link #ended} tells. */
  void kill();

  /** How it ended; never exceptionally. */
  CompletableFuture<VmEnd> ended();

  /** What its console has put out. */
  ConsoleHistory console();

  /** Types; false if the guest takes none now. */
  boolean type(byte[] bytes);

  /** Writes a snapshot into a new folder. */
  SnapshotVmResponse snapshot(Path folder, SnapshotStore store) throws InterruptedException;

  /** See {@link dev.lockstep.ft.control.ControlledVm#protect}. */
  CompletableFuture<Void> protect(InetSocketAddress standby, @Nullable Integer maxPauseMillis);

  /** See {@link dev.lockstep.ft.control.ControlledVm#unprotect}. */
  CompletableFuture<Void> unprotect();

  /** See {@link dev.lockstep.ft.control.ControlledVm#failover}. */
  CompletableFuture<Void> failover();

  /** How long outputs are held; null without replication. */
  CommitLatency.@Nullable Snapshot commitLatency();

  /** Releases everything; ends it, if it runs, as a crash would. */
  @Override
  void close();
}

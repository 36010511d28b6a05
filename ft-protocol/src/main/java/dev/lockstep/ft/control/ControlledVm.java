package dev.lockstep.ft.control;

import dev.lockstep.ft.console.ConsoleHistory;
import dev.lockstep.ft.control.proto.RecoverVmRequest;
import dev.lockstep.ft.control.proto.RecoverVmResponse;
import dev.lockstep.ft.control.proto.SnapshotVmResponse;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.CommitLatency;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One VM of a process, as its control port steers it. Safe for use by several threads; methods may wait, within bounds.
 *
 * <p>What does not fit the VM's state is a {@link ControlException}, what the host fails at a {@link dev.lockstep.engine.VmmException}.
 */
public interface ControlledVm {
  /** Its name. */
  String name();

  /** It at a glance, at once. */
  VmStatus status();

  /** Powers it on, or makes it a backup. */
  void start(StartOptions options);

  /** Stops its vCPU between two instructions; returns when it stands. */
  void pause() throws InterruptedException;

  /** Lets it run on. */
  void resume();

  /**
   * Asks the guest to shut down, and ends it if it does not; returns when it has ended.
   *
   * @param graceMillis how long the guest may take; 0: it is not asked
   */
  void stop(long graceMillis) throws InterruptedException;

  /** Ends it at once, as a crash would. */
  void kill();

  /**
   * Writes a snapshot.
   *
   * @param folder a new one, or that of a series
   * @param keep how many of the series are kept; 0: it is no series
   */
  SnapshotVmResponse snapshot(Path folder, int keep) throws InterruptedException;

  /**
   * Starts it from a snapshot of it.
   *
   * @param how alone, or as a primary
   */
  void restore(Path folder, StartOptions how);

  /**
   * Brings a backup in while the guest runs.
   *
   * @param standby where it listens
   * @param maxPauseMillis how long the guest may stand still for it; null: as before
   * @return completes when it is protected
   */
  CompletableFuture<Void> protect(InetSocketAddress standby, @Nullable Integer maxPauseMillis);

  /** Goes on without a backup. */
  CompletableFuture<Void> unprotect();

  /** Moves the guest to the backup; completes when that is the primary. */
  CompletableFuture<Void> failover();

  /** What its images are worth after the loss of both replicas; starts it when told to. */
  RecoverVmResponse recover(RecoverVmRequest request);

  /** Console bytes of the present run, or of the last. */
  ConsoleHistory console();

  /**
   * Types at its console. What is typed at a VM that has ended is dropped: its console comes to its end by itself.
   *
   * @param bytes 1 to {@link ControlLimits#MAX_CONSOLE_INPUT_BYTES}
   * @return false if the guest takes none now: to be offered again
   */
  boolean type(byte[] bytes);

  /** How long outputs are held; null without replication. */
  CommitLatency.@Nullable Snapshot commitLatency();
}

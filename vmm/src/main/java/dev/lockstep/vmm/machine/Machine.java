package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.net.Offloads;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/**
 * One VM: memory, bus, devices, one vCPU, and the clock. Many live in one JVM; none knows of another.
 *
 * <p>A platform thread of its own runs the vCPU. Every method here may be called from any thread, and none waits for the
 * guest: what needs the vCPU to stand still is queued, and its future completes when it has happened (or exceptionally
 * with {@link dev.lockstep.engine.VmmException} when the machine ended first). Continuations of these futures must not
 * block.
 *
 * <p>The life of a machine: {@link #start} or {@link #follow} once; then pause, resume, inject, snapshot at will; it ends
 * by its guest, by {@link #stop} or by a failure, which {@link #ended} tells; then {@link #close}.
 */
public interface Machine extends AutoCloseable {
  /** What this machine would write as the header of a log that begins now; see {@link LogHeader#requireSame}. */
  CompletableFuture<LogHeader> header(long epoch);

  /**
   * Runs live from where the machine stands.
   *
   * @param sink gets the log of this epoch
   * @param epoch from 1; more than that of any log before
   */
  void start(LogSink sink, OutputGate gate, long epoch);

  /**
   * Follows a log from where the machine stands.
   *
   * @param mode {@link MachineMode#REPLAY} or {@link MachineMode#FOLLOW}
   * @throws dev.lockstep.engine.VmmException if the log's header does not fit this machine, naming the field
   */
  void follow(LogSource source, OutputGate gate, MachineMode mode);

  /**
   * Follows a log as in {@link MachineMode#FOLLOW}. A divergence does not end the machine: it stands where that was found, can be looked at, and waits for
   * {@link #resynchronise}, or for {@link #goLive}, by which it goes on from there at once.
   *
   * @param whenDiverged told on the vCPU's thread; must not block
   * @throws dev.lockstep.engine.VmmException as {@link #follow(LogSource, OutputGate, MachineMode)}
   */
  void follow(LogSource source, OutputGate gate, Consumer<DivergenceException> whenDiverged);

  /**
   * Makes a machine that follows freely stand where it is, as if it had diverged there.
   *
   * @return whether it stands by this; not if it has diverged before, or is live
   */
  CompletableFuture<Boolean> stand();

  /**
   * Puts a checkpoint into a machine that stands because it has diverged, and lets it follow on from there. What the checkpoint does not contain is taken to be
   * equal.
   *
   * @param source from the checkpoint on
   * @return completes when the machine is what the checkpoint says; exceptionally if it is not, or the host failed: then the machine is neither the one nor the
   *     other, and of no more use
   */
  CompletableFuture<Void> resynchronise(CheckpointReader checkpoint, LogSource source);

  /**
   * Hands a machine that was not started to whoever wants to move it about in a log, forwards and backwards; the caller's thread is its vCPU's from now on, and the machine's other methods, but {@link #close}, are not
   * to be used any more. Its disks must be {@link dev.lockstep.vmm.disk.RewindableDisk}s.
   *
   * @param log from where the machine stands
   * @throws dev.lockstep.engine.VmmException if the log does not fit this machine, naming the field, or its engine cannot be debugged
   */
  ReplayCursor navigate(ReopenableLog log);

  /**
   * Follows a finished log as in {@link MachineMode#REPLAY}, to a place in it. There the run is over, with {@link
   * dev.lockstep.vmm.log.EndReason#TARGET}; the machine can be looked at and saved until it is closed.
   *
   * @throws dev.lockstep.engine.VmmException as {@link #follow}
   */
  void replay(LogSource source, OutputGate gate, ReplayTarget until);

  /**
   * Makes a following machine live: it first applies every entry that its source still holds (the source must not get
   * more), then the gate sends again what was not released, disk requests without a logged completion finish once, the
   * wall clock is set by a logged step, and a new log begins.
   *
   * @return completes when the machine is live
   */
  CompletableFuture<Void> goLive(LogSink sink, long epoch);

  /** Stops the vCPU at the next boundary, and virtual time with it. Completes when it stands. */
  CompletableFuture<Void> pause();

  /** Runs on after a pause; virtual time goes on from where it stood, the wall clock is set by a logged step. */
  void resume();

  /** Ends the machine at the next boundary, in order: end-of-log entry, disks synced. {@link #ended} tells. */
  void stop();

  /** Ends the machine without a word to its log, as a crash would. */
  void kill();

  /**
   * Gives the live guest an input; it takes effect, and is logged, at the next boundary.
   *
   * @return false if the queue of inputs is full: try again later
   * @throws IllegalStateException if the machine is not live
   */
  boolean inject(MachineInput input);

  /** Runs something at the next boundary, or at once if the machine stands still. */
  <T> CompletableFuture<T> atBoundary(BoundaryTask<T> task);

  /**
   * Writes a snapshot at the next boundary, and marks it in the log of a live machine. What the guest sees does not change.
   * The disks' contents are not in it: it can be restored only with disks that are as they were.
   *
   * @param file appears when it is whole; one that is there already is replaced
   */
  CompletableFuture<SnapshotInfo> snapshot(Path file);

  /**
   * As {@link #snapshot}, with everything that was written to the disks since the machine's start, and since the start of the
   * one whose checkpoint it was restored from: with disks as they were then, it can be restored. Not for a machine whose disks are replicated, since both ask which blocks were
   * written.
   *
   * @param file names the file, by the number of the log entry that comes next
   * @return empty if nothing was written: no replay can be led here (between two anchors), or the guest has ended
   */
  CompletableFuture<Optional<SnapshotInfo>> checkpoint(LongFunction<Path> file);

  /**
   * Limits how much of the time the vCPU runs, to let a backup catch up.
   *
   * @param permille 1 to 1000; 1000 is no limit
   */
  void limitSpeed(int permille);

  /** What the guest's network driver does with the frames that it gets, in place of this host; may change at any time. */
  Offloads networkOffloads();

  /** The machine at a glance. */
  MachineStatus status();

  /**
   * How the run ends; exceptionally with what made it fail ({@link dev.lockstep.engine.VmmException}, {@link
   * DivergenceException}, {@link IllegalStateException}).
   */
  CompletableFuture<MachineEnd> ended();

  /** Kills the machine if it runs, waits for its threads, then releases memory and disks. A second call does nothing. */
  @Override
  void close();
}

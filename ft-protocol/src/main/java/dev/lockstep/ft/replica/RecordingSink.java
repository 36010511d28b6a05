package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.PrimaryInput;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.LogSink;
import dev.lockstep.vmm.machine.PlacedEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiPredicate;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Hands a live machine's entries and progress to the replica, in order, and holds the guest at a boundary while the core says that it must wait, or too
 * much of its output is held. An entry and the promise behind it are handed over together: they make one message, and each thread on the way to the backup's machine is woken once.
 */
final class RecordingSink implements LogSink {
  /** So long after the last word the guest is taken to be talking. */
  static final long TALK_NANOS = 5_000_000;

  private final Inbox inbox;
  private final long closeNanos;
  private final long progressNanos;
  private final BooleanSupplier full;
  private final BiPredicate<String, DiskRequest> keepsWaiting;
  private final boolean placing;
  private final EntryEncoder encoder = new EntryEncoder();

  /** The vCPU's thread. */
  private final List<PrimaryInput> kept = new ArrayList<>();

  private volatile boolean mayRun = true;
  private volatile boolean promises;
  private volatile boolean closed;
  private volatile boolean ended;

  /** When the guest was last told something, or has told something. The vCPU's thread. */
  private long talkedNanos = Long.MIN_VALUE / 2;

  /**
   * @param closeNanos how often progress is told while the guest talks with somebody
   * @param progressNanos the same while it does not
   * @param full whether no more outputs should be produced for now
   * @param keepsWaiting what becomes of what a disk of this host could not do
   * @param placing whether backups need to know where entries lie, because they follow freely
   */
  RecordingSink(
      Inbox inbox,
      long closeNanos,
      long progressNanos,
      BooleanSupplier full,
      BiPredicate<String, DiskRequest> keepsWaiting,
      boolean placing) {
    this.closeNanos = closeNanos;
    this.keepsWaiting = keepsWaiting;
    this.full = full;
    this.placing = placing;
    this.inbox = inbox;
    this.progressNanos = progressNanos;
  }

  @Override
  public void begin(Supplier<LogHeader> header) {
    // The header goes with the checkpoint that a backup begins with.
  }

  @Override
  public void append(long sequence, LogEntry entry) {
    switch (entry) {
      case LogEntry.OutputEntry output -> {
        talkedNanos = System.nanoTime();
        record(RecordKind.OUTPUT, output);
      }
      case LogEntry.EndOfLog end -> {
        ended = true;
        kept.add(
            new PrimaryInput.GuestEnded(Moments.position(end.at()), Moments.encode(encoder, end)));
      }
      case LogEntry.Input input -> {
        if (input instanceof LogEntry.NetworkInput || input instanceof LogEntry.ConsoleInput) {
          talkedNanos = System.nanoTime();
        }
        record(RecordKind.INPUT, input);
      }
      case LogEntry.DigestEntry digest -> record(RecordKind.INPUT, digest);
      case LogEntry.CheckpointMark mark -> record(RecordKind.INPUT, mark);
      case LogEntry.UncertainFrom mark ->
          throw new IllegalStateException("a pair counts exactly, and yet: " + mark);
      case LogEntry.ProgressMark mark ->
          throw new IllegalStateException("a progress mark is no entry: " + mark);
    }
  }

  @Override
  public boolean wantsPlaces() {
    return placing;
  }

  @Override
  public void append(long sequence, PlacedEntry placed) {
    Position position = Moments.position(placed.entry().at());
    Payload payload = Moments.encode(encoder, placed);
    if (placed.entry() instanceof LogEntry.EndOfLog) {
      ended = true;
      kept.add(new PrimaryInput.GuestEnded(position, payload));
    } else {
      boolean output = placed.entry() instanceof LogEntry.OutputEntry;
      kept.add(
          new PrimaryInput.Recorded(
              output ? RecordKind.OUTPUT : RecordKind.INPUT, position, payload));
    }
  }

  @Override
  public void progress(PlacedEntry mark) {
    kept.add(
        new PrimaryInput.Progress(
            Moments.position(mark.entry().at()), Moments.encode(encoder, mark)));
  }

  private void record(RecordKind kind, LogEntry entry) {
    kept.add(
        new PrimaryInput.Recorded(
            kind, Moments.position(entry.at()), Moments.encode(encoder, entry)));
  }

  @Override
  public void settle() {
    if (!kept.isEmpty()) {
      inbox.putFromVcpu(kept);
      kept.clear();
    }
  }

  @Override
  public boolean held() {
    // After the end the core lets nothing run any more, but there is nothing left to hold either.
    if (ended) {
      return false;
    }
    if (closed) {
      throw new VmmException(
          "the replica is closed while its machine runs", "Nothing is to be done about it.");
    }
    boolean held = !mayRun || full.getAsBoolean();
    if (held) {
      settle();
    }
    return held;
  }

  @Override
  public void progress(Moment moment) {
    promise(moment, moment.count());
  }

  @Override
  public boolean wantsPromises() {
    return promises;
  }

  @Override
  public void promise(Moment moment, long until) {
    kept.add(
        new PrimaryInput.Progress(
            Moments.position(moment),
            Moments.encode(encoder, new LogEntry.ProgressMark(moment, until))));
  }

  @Override
  public long progressNanos() {
    return progressNanos;
  }

  @Override
  public long runningProgressNanos() {
    // Whoever was asked will answer soon, and an answer waits until the backup's replay has come to
    // it: it had better be close behind.
    return System.nanoTime() - talkedNanos < TALK_NANOS ? closeNanos : progressNanos;
  }

  @Override
  public boolean keepsWaiting(String name, DiskRequest failed) {
    return keepsWaiting.test(name, failed);
  }

  @Override
  public void end() {
    // The end is an entry; a machine that ends without one has failed, which its owner sees.
  }

  /** Whether there is a backup that follows, and runs as far as it is promised. */
  void letPromise(boolean wanted) {
    promises = wanted;
  }

  /** Whether the vCPU may go on after its next boundary. */
  void letRun(boolean run) {
    mayRun = run;
  }

  void close() {
    closed = true;
  }
}

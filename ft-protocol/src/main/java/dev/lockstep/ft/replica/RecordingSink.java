package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.core.PrimaryInput;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.LogSink;
import java.util.function.Supplier;

/** Hands a live machine's entries and progress to the replica's thread, in order, and holds the vCPU at a boundary while the core says that it must wait. */
final class RecordingSink implements LogSink {
  private final Inbox inbox;
  private final long progressNanos;
  private final EntryEncoder encoder = new EntryEncoder();
  private boolean mayRun = true;
  private boolean closed;
  private volatile boolean ended;

  RecordingSink(Inbox inbox, long progressNanos) {
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
      case LogEntry.OutputEntry output -> record(RecordKind.OUTPUT, output);
      case LogEntry.EndOfLog end -> {
        ended = true;
        inbox.putFromVcpu(
            new PrimaryInput.GuestEnded(Moments.position(end.at()), Moments.encode(encoder, end)));
      }
      case LogEntry.Input input -> record(RecordKind.INPUT, input);
      case LogEntry.DigestEntry digest -> record(RecordKind.INPUT, digest);
      case LogEntry.CheckpointMark mark -> record(RecordKind.INPUT, mark);
      case LogEntry.UncertainFrom mark ->
          throw new IllegalStateException("a pair counts exactly, and yet: " + mark);
      case LogEntry.ProgressMark mark ->
          throw new IllegalStateException("a progress mark is no entry: " + mark);
    }
  }

  private void record(RecordKind kind, LogEntry entry) {
    inbox.putFromVcpu(
        new PrimaryInput.Recorded(
            kind, Moments.position(entry.at()), Moments.encode(encoder, entry)));
  }

  @Override
  public synchronized void flush() {
    // After the end the core lets nothing run any more, but there is nothing left to hold either.
    while (!mayRun && !closed && !ended) {
      try {
        wait();
      } catch (InterruptedException e) {
        throw new IllegalStateException("the vCPU's thread is not interrupted", e);
      }
    }
    if (closed && !ended) {
      throw new VmmException(
          "the replica is closed while its machine runs", "Nothing is to be done about it.");
    }
  }

  @Override
  public void progress(Moment moment) {
    inbox.putFromVcpu(
        new PrimaryInput.Progress(
            Moments.position(moment), Moments.encode(encoder, new LogEntry.ProgressMark(moment))));
  }

  @Override
  public long progressNanos() {
    return progressNanos;
  }

  @Override
  public void end() {
    // The end is an entry; a machine that ends without one has failed, which its owner sees.
  }

  /** Whether the vCPU may go on after its next boundary. */
  synchronized void letRun(boolean run) {
    mayRun = run;
    notifyAll();
  }

  synchronized void close() {
    closed = true;
    notifyAll();
  }
}

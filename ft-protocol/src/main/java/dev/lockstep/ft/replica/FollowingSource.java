package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The log a backup's machine follows: records as they are received, and behind them the newest progress mark. */
final class FollowingSource implements BackupSource {
  private record Queued(long sequence, LogEntry entry) {}

  private final LogHeader header;
  private final long firstSequence;
  private final Runnable advanced;
  private final ArrayDeque<Queued> records = new ArrayDeque<>();
  private LogEntry.@Nullable ProgressMark mark;
  private @Nullable LogEntry peeked;
  private volatile Runnable wake = () -> {};
  private long replayedThrough;
  private Position position;
  private long outputs;
  private boolean finishing;

  /**
   * @param header of the machine that follows
   * @param firstSequence the machine's number of the first entry to come
   * @param replayedThrough the protocol's number of the last record before it
   * @param outputs produced before
   * @param advanced told that the replay has advanced; must not block
   */
  FollowingSource(
      LogHeader header,
      long firstSequence,
      long replayedThrough,
      Position position,
      long outputs,
      Runnable advanced) {
    this.header = header;
    this.firstSequence = firstSequence;
    this.replayedThrough = replayedThrough;
    this.position = position;
    this.outputs = outputs;
    this.advanced = advanced;
  }

  @Override
  public void add(LogRecord next) throws LogFormatException {
    add(next.sequence(), Moments.decode(next.payload()));
  }

  /** The next record. It takes the place of a mark that was the last in line. */
  void add(long sequence, LogEntry entry) {
    synchronized (this) {
      mark = null;
      records.add(new Queued(sequence, entry));
    }
    wake.run();
  }

  @Override
  public void takeOver(BackupSource before, long afterSequence) {
    List<Queued> rest;
    FollowingSource exact = (FollowingSource) before;
    synchronized (exact) {
      rest = exact.records.stream().filter(it -> it.sequence() > afterSequence).toList();
    }
    synchronized (this) {
      records.addAll(rest);
    }
  }

  @Override
  public void mark(Payload point) throws LogFormatException {
    if (Moments.decode(point) instanceof LogEntry.ProgressMark next) {
      mark(next);
    }
  }

  /** A newer mark. */
  void mark(LogEntry.ProgressMark next) {
    synchronized (this) {
      if (finishing) {
        return;
      }
      mark = next;
    }
    wake.run();
  }

  @Override
  public void finish() {
    synchronized (this) {
      finishing = true;
      mark = null;
    }
    wake.run();
  }

  @Override
  public synchronized BackupInput.Replayed replayed() {
    return new BackupInput.Replayed(replayedThrough, position, outputs);
  }

  @Override
  public LogHeader header() {
    return header;
  }

  @Override
  public long firstSequence() {
    return firstSequence;
  }

  @Override
  public synchronized @Nullable LogEntry peek() {
    Queued next = records.peek();
    peeked = next == null ? mark : next.entry();
    return peeked;
  }

  @Override
  public void advance() {
    synchronized (this) {
      LogEntry taken = peeked;
      if (taken == null) {
        throw new IllegalStateException("nothing was peeked");
      }
      position = Moments.position(taken.at());
      Queued first = records.peek();
      if (first != null && first.entry() == taken) {
        records.remove();
        replayedThrough = first.sequence();
        outputs += taken instanceof LogEntry.OutputEntry ? 1 : 0;
      } else if (mark == taken) {
        mark = null;
      }
      peeked = null;
    }
    advanced.run();
  }

  @Override
  public synchronized boolean ended() {
    return finishing;
  }

  @Override
  public void onAvailable(Runnable listener) {
    wake = listener;
  }
}

package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.FreeLogSource;
import dev.lockstep.vmm.machine.PlacedEntry;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The log that a backup's machine follows freely. A record is replayed when it has taken effect, and every output of the records up to it is matched: so that what the backup reports lets out nothing that it has not matched.
 */
final class FreeSource implements BackupSource, FreeLogSource {
  private record Queued(long sequence, PlacedEntry entry) {}

  private final LogHeader header;
  private final long firstSequence;
  private final Runnable advanced;
  private final ArrayDeque<Queued> records = new ArrayDeque<>();

  /** The records of outputs that were taken and are not matched. */
  private final ArrayDeque<Long> unmatched = new ArrayDeque<>();

  private @Nullable PlacedEntry mark;
  private @Nullable PlacedEntry peeked;
  private volatile Runnable wake = () -> {};
  private long takenThrough;
  private Position position;
  private long outputs;
  private long horizonNanos;
  private boolean finishing;

  /** It was said how far this replica has come when it goes live: nothing may be matched any more. */
  private boolean settled;

  /** Parameters as of {@link FollowingSource}. */
  FreeSource(
      LogHeader header,
      long firstSequence,
      long replayedThrough,
      Position position,
      long outputs,
      Runnable advanced) {
    this.header = header;
    this.firstSequence = firstSequence;
    this.takenThrough = replayedThrough;
    this.position = position;
    this.outputs = outputs;
    this.advanced = advanced;
  }

  @Override
  public void add(LogRecord next) throws LogFormatException {
    PlacedEntry entry = Moments.decodePlaced(next.payload());
    synchronized (this) {
      mark = null;
      records.add(new Queued(next.sequence(), entry));
      horizonNanos = Math.max(horizonNanos, entry.virtualNanos());
    }
    wake.run();
  }

  @Override
  public void mark(Payload point) throws LogFormatException {
    PlacedEntry next = Moments.decodePlaced(point);
    synchronized (this) {
      if (finishing || !(next.entry() instanceof LogEntry.ProgressMark)) {
        return;
      }
      mark = next;
      horizonNanos = Math.max(horizonNanos, next.virtualNanos());
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

  /** As the interface has it. If nothing follows and everything has taken effect, what is not matched never will be: it has not left. */
  @Override
  public synchronized BackupInput.Replayed replayed() {
    settled |= finishing && records.isEmpty();
    Long first = settled ? null : unmatched.peek();
    return new BackupInput.Replayed(first == null ? takenThrough : first - 1, position, outputs);
  }

  @Override
  public void takeOver(BackupSource before, long afterSequence) {
    List<Queued> rest;
    FreeSource free = (FreeSource) before;
    synchronized (free) {
      rest = free.records.stream().filter(it -> it.sequence() > afterSequence).toList();
    }
    synchronized (this) {
      records.addAll(rest);
      rest.forEach(it -> horizonNanos = Math.max(horizonNanos, it.entry().virtualNanos()));
    }
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
  public synchronized @Nullable PlacedEntry next() {
    Queued next = records.peek();
    peeked = next == null ? mark : next.entry();
    return peeked;
  }

  @Override
  public @Nullable LogEntry peek() {
    PlacedEntry next = next();
    return next == null ? null : next.entry();
  }

  @Override
  public synchronized long horizonNanos() {
    return horizonNanos;
  }

  @Override
  public void advance() {
    synchronized (this) {
      PlacedEntry taken = peeked;
      if (taken == null) {
        throw new IllegalStateException("nothing was peeked");
      }
      position = position.max(Moments.position(taken.entry().at()));
      Queued first = records.peek();
      if (first != null && first.entry() == taken) {
        records.remove();
        takenThrough = first.sequence();
        if (taken.entry() instanceof LogEntry.OutputEntry) {
          unmatched.add(first.sequence());
        }
      } else if (mark == taken) {
        mark = null;
      }
      peeked = null;
    }
    advanced.run();
  }

  @Override
  public boolean matched() {
    synchronized (this) {
      if (settled) {
        return false;
      }
      unmatched.remove();
      outputs++;
    }
    advanced.run();
    return true;
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

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

/**
 * The log a backup's machine follows, whatever way it follows: records as they are received, and behind them the newest progress mark. Its own lock guards it: the driver fills it, the vCPU's thread
 * empties it. What subclasses are told, they are told under that lock.
 *
 * @param <E> an entry as this way of following needs it
 */
abstract class QueuedSource<E> implements BackupSource {
  private record Queued<E>(long sequence, E entry) {}

  private final LogHeader header;
  private final long firstSequence;
  private final ReplayNews news;
  private final ArrayDeque<Queued<E>> records = new ArrayDeque<>();
  private @Nullable E mark;
  private @Nullable E peeked;
  private volatile Runnable wake = () -> {};
  private long takenThrough;
  private Position position;
  private boolean finishing;

  /**
   * @param header of the machine that follows
   * @param firstSequence the machine's number of the first entry to come
   * @param replayedThrough the protocol's number of the last record before it
   * @param news told that the replay has advanced
   */
  QueuedSource(
      LogHeader header,
      long firstSequence,
      long replayedThrough,
      Position position,
      ReplayNews news) {
    this.header = header;
    this.firstSequence = firstSequence;
    this.takenThrough = replayedThrough;
    this.position = position;
    this.news = news;
  }

  // ---- what differs

  abstract E decode(Payload payload) throws LogFormatException;

  abstract LogEntry entryOf(E item);

  /** A record or a mark has come. */
  abstract void came(E item);

  /** A record has taken effect. */
  abstract void took(long sequence, LogEntry entry);

  /** How far the replay has come. */
  abstract BackupInput.Replayed replayedAt(Position position, long takenThrough);

  // ---- the driver's side

  /** The next record takes the place of a mark that was the last in line. One that the checkpoint holds may come behind it: they have a connection each. */
  @Override
  public void add(LogRecord next) throws LogFormatException {
    E item = decode(next.payload());
    synchronized (this) {
      if (next.sequence() <= takenThrough) {
        return;
      }
      mark = null;
      records.add(new Queued<>(next.sequence(), item));
      came(item);
    }
  }

  @Override
  public void mark(Payload point) throws LogFormatException {
    E next = decode(point);
    synchronized (this) {
      if (finishing || !(entryOf(next) instanceof LogEntry.ProgressMark)) {
        return;
      }
      mark = next;
      came(next);
    }
  }

  @Override
  public void tellMachine() {
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
    return replayedAt(position, takenThrough);
  }

  @Override
  public void takeOver(BackupSource before, long afterSequence) {
    // Both are of one pair, which follows one way.
    @SuppressWarnings("unchecked")
    QueuedSource<E> old = (QueuedSource<E>) before;
    List<Queued<E>> rest;
    synchronized (old) {
      rest = old.records.stream().filter(it -> it.sequence() > afterSequence).toList();
    }
    synchronized (this) {
      records.addAll(rest);
      rest.forEach(it -> came(it.entry()));
    }
  }

  /** Runs what the driver waits for. Not under the lock. */
  final void tellAdvanced() {
    news.tell();
  }

  /** Whether nothing follows, and all that was received has taken effect. Under the lock. */
  final boolean isAtEnd() {
    return finishing && records.isEmpty();
  }

  // ---- the machine's side

  @Override
  public LogHeader header() {
    return header;
  }

  @Override
  public long firstSequence() {
    return firstSequence;
  }

  /** The next record, else the mark, else null. */
  final synchronized @Nullable E peekItem() {
    Queued<E> next = records.peek();
    peeked = next == null ? mark : next.entry();
    return peeked;
  }

  @Override
  public @Nullable LogEntry peek() {
    E next = peekItem();
    return next == null ? null : entryOf(next);
  }

  @Override
  public void advance() {
    int waiting;
    LogEntry entry;
    synchronized (this) {
      E taken = peeked;
      if (taken == null) {
        throw new IllegalStateException("nothing was peeked");
      }
      entry = entryOf(taken);
      // One that is delivered at the nearest point may be named by one that is past.
      position = position.max(Moments.position(entry.at()));
      Queued<E> first = records.peek();
      if (first != null && first.entry() == taken) {
        records.remove();
        takenThrough = first.sequence();
        took(first.sequence(), entry);
      } else if (mark == taken) {
        mark = null;
      }
      peeked = null;
      waiting = records.size();
    }
    // Nobody waits to hear of an input, and the record that follows it will be told of soon; a mark
    // need not be, since it may be taken back.
    news.advanced(waiting == 0 || !(entry instanceof LogEntry.Input), waiting);
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

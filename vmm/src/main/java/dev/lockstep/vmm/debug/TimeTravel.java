package dev.lockstep.vmm.debug;

import dev.lockstep.engine.DebuggableVcpu.Watchpoint;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.machine.Position;
import dev.lockstep.vmm.machine.ReopenableLog;
import dev.lockstep.vmm.machine.ReplayCursor;
import org.jspecify.annotations.Nullable;

/**
 * Moves a replay forwards and backwards. Backwards is: to a checkpoint before, and from there to one step less, which comes to the same state since the replay is deterministic. The cursor's thread.
 */
public final class TimeTravel {
  /** Branches between two looks at whether a checkpoint is due. */
  private static final long CHUNK = 1 << 18;

  /** Branches before a position from where on every step is looked at: what one boundary may add to the count is less. */
  private static final long NEAR = 4;

  /** Branches before a position that was gone to backwards, at which a checkpoint is kept for the next step backwards. */
  private static final long CLOSE = 20_000;

  /** Where and why a move ended. */
  public enum Outcome {
    /** It has gone where it was to go. */
    DONE,
    /** Before an instruction with a breakpoint. */
    BREAKPOINT,
    /** At a watched access: behind it forwards, before it backwards. */
    WATCHPOINT,
    /** {@link ReplayCursor#interrupt} was called. */
    INTERRUPTED,
    /** At the log's beginning. */
    BEGINNING,
    /** At the log's end. */
    END
  }

  private record Hit(Position position, @Nullable Watchpoint watchpoint) {}

  private final ReplayCursor cursor;
  private final Checkpoints checkpoints;
  private @Nullable Watchpoint watched;
  private boolean interrupted;

  /**
   * @param cursor at the log's beginning
   * @param maxBytes that checkpoints may take, about
   */
  public TimeTravel(ReplayCursor cursor, long maxBytes) {
    this.cursor = cursor;
    this.checkpoints = new Checkpoints(cursor.save(), maxBytes);
  }

  /** What is moved; nobody else may move it. */
  public ReplayCursor cursor() {
    return cursor;
  }

  /** The watchpoint of the last {@link Outcome#WATCHPOINT}. */
  public @Nullable Watchpoint watched() {
    return watched;
  }

  /** How many checkpoints are kept, and about how many bytes they take. */
  public long[] kept() {
    return new long[] {checkpoints.count(), checkpoints.bytes()};
  }

  /** One step forward. */
  public Outcome stepForward() {
    return cursor.step() ? Outcome.DONE : Outcome.END;
  }

  /** Forward to the next stop. */
  public Outcome continueForward() {
    while (true) {
      ReplayCursor.Stop stop = cursor.run(cursor.count() + CHUNK);
      keep();
      switch (stop) {
        case LIMIT -> {
          // Goes on.
        }
        case BREAKPOINT -> {
          return Outcome.BREAKPOINT;
        }
        case WATCHPOINT -> {
          watched = cursor.watched();
          return Outcome.WATCHPOINT;
        }
        case INTERRUPTED -> {
          cursor.takeInterrupted();
          return Outcome.INTERRUPTED;
        }
        case END -> {
          return Outcome.END;
        }
      }
    }
  }

  private void keep() {
    if (cursor.end() == null && checkpoints.wanted(cursor.steps())) {
      checkpoints.add(cursor.save());
    }
  }

  /** One step back. */
  public Outcome stepBack() {
    return to(before(cursor.position()));
  }

  private Outcome to(@Nullable Position position) {
    if (position == null) {
      goTo(checkpoints.at(0).position());
      return Outcome.BEGINNING;
    }
    goTo(position);
    return Outcome.DONE;
  }

  /** The position one step before, or null at the beginning; leaves the cursor anywhere. */
  private @Nullable Position before(Position position) {
    ReplayCursor.Saved from = checkpoints.before(position.steps());
    if (from == null) {
      return null;
    }
    cursor.restore(from);
    if (position.count() - CLOSE > cursor.count()) {
      runPast(position.count() - CLOSE);
      checkpoints.add(cursor.save());
    }
    runPast(position.count() - NEAR);
    Position last = cursor.position();
    while (true) {
      forward(position);
      if (cursor.steps() >= position.steps()) {
        return last;
      }
      last = cursor.position();
    }
  }

  /** Goes to a position of this replay. */
  public void goTo(Position position) {
    ReplayCursor.Saved from = checkpoints.at(position.steps());
    long here = cursor.steps();
    if (here > position.steps() || from.position().steps() > here || cursor.end() != null) {
      cursor.restore(from);
    }
    while (position.count() - NEAR > cursor.count()) {
      runPast(Math.min(position.count() - NEAR, cursor.count() + CHUNK));
      keep();
    }
    while (cursor.steps() < position.steps()) {
      forward(position);
    }
    if (cursor.steps() != position.steps()) {
      throw new IllegalStateException("at %s instead of %s".formatted(cursor.position(), position));
    }
  }

  private void forward(Position towards) {
    if (!cursor.step()) {
      throw new IllegalStateException("the replay ends before " + towards);
    }
  }

  /** Runs to a count without a look at stops; an interrupt is kept in mind. */
  private void runPast(long count) {
    while (cursor.count() < count && cursor.run(count) != ReplayCursor.Stop.END) {
      interrupted |= cursor.takeInterrupted();
    }
  }

  /** Back to the last stop before this position. */
  public Outcome continueBack() {
    interrupted = false;
    Position here = cursor.position();
    Position bound = here;
    ReplayCursor.Saved from = checkpoints.before(bound.steps());
    while (from != null) {
      cursor.restore(from);
      Hit hit = lastHit(here, bound);
      if (hit != null) {
        return back(hit);
      }
      if (interrupted) {
        goTo(from.position());
        return Outcome.INTERRUPTED;
      }
      bound = from.position();
      from = checkpoints.before(bound.steps());
    }
    goTo(checkpoints.at(0).position());
    return Outcome.BEGINNING;
  }

  private Outcome back(Hit hit) {
    Watchpoint watchpoint = hit.watchpoint();
    if (watchpoint == null) {
      goTo(hit.position());
      return Outcome.BREAKPOINT;
    }
    to(before(hit.position()));
    watched = watchpoint;
    return Outcome.WATCHPOINT;
  }

  /**
   * The last stop from where the cursor stands to {@code bound}; a breakpoint must be before {@code start}, where the search began, while a watched access may be the one that led there.
   */
  private @Nullable Hit lastHit(Position start, Position bound) {
    Hit last = cursor.atBreakpoint() ? new Hit(cursor.position(), null) : null;
    while (cursor.steps() < bound.steps()) {
      long limit = bound.count() - NEAR;
      if (cursor.count() < limit) {
        // An interrupt ends the search at the end of this stretch only.
        cursor.run(Math.min(limit, cursor.count() + CHUNK));
        interrupted |= cursor.takeInterrupted();
        keep();
      } else if (!cursor.step()) {
        break;
      }
      if (cursor.watched() != null) {
        last = new Hit(cursor.position(), cursor.watched());
      } else if (cursor.atBreakpoint() && cursor.steps() < start.steps()) {
        last = new Hit(cursor.position(), null);
      }
    }
    return last;
  }

  /**
   * Goes to a point of the execution.
   *
   * @param rcx null for the first with this count and address
   * @return whether there is such a point; if not, the replay stands where it stood
   */
  public boolean goToPoint(long count, long rip, @Nullable Long rcx) {
    Position here = cursor.position();
    cursor.restore(checkpoints.beforeCount(count));
    ahead(count);
    boolean found = stands(count, rip, rcx);
    while (!found && cursor.count() <= count && cursor.step()) {
      found = stands(count, rip, rcx);
    }
    if (!found) {
      goTo(here);
    }
    return found;
  }

  private boolean stands(long count, long rip, @Nullable Long rcx) {
    ExecutionPoint here = cursor.position().point();
    return here.branchCount() == count && here.rip() == rip && (rcx == null || here.rcx() == rcx);
  }

  /** Goes to the first position with a branch count or more, or to the end. */
  public Outcome goToCount(long count) {
    cursor.restore(checkpoints.beforeCount(count));
    ahead(count);
    while (cursor.count() < count) {
      if (!cursor.step()) {
        return Outcome.END;
      }
    }
    return Outcome.DONE;
  }

  private void ahead(long count) {
    while (cursor.count() < count - NEAR && cursor.end() == null) {
      runPast(Math.min(count - NEAR, cursor.count() + CHUNK));
      keep();
    }
  }

  /** Goes to the first position with a virtual time or a later one, or to the end. */
  public Outcome goToTime(long nanos) {
    cursor.restore(checkpoints.beforeNanos(nanos));
    ReplayCursor.Saved last = cursor.save();
    long chunk = CHUNK;
    while (true) {
      while (cursor.virtualNanos() < nanos && cursor.end() == null) {
        last = cursor.save();
        runPast(cursor.count() + chunk);
        keep();
      }
      if (chunk == 1 || last.virtualNanos() >= nanos) {
        break;
      }
      cursor.restore(last);
      chunk = Math.max(1, chunk >> 4);
    }
    return cursor.end() == null ? Outcome.DONE : Outcome.END;
  }

  /**
   * Goes to where an entry of the log takes effect next.
   *
   * @throws VmmException if the log has no such entry
   */
  public Outcome goToEntry(long sequence) {
    LogEntry entry;
    try (ReopenableLog.Source source = cursor.look(sequence)) {
      entry = source.peek();
    }
    if (entry == null) {
      throw new VmmException("the log ends before entry " + sequence, "Name an earlier one.");
    }
    ExecutionPoint point = entry.at().point();
    if (!goToPoint(point.branchCount(), point.rip(), point.rcx())) {
      throw new VmmException(
          "the replay does not come by entry %d, %s".formatted(sequence, entry.at()),
          "Look with 'lockstep replay' whether it diverges.");
    }
    return Outcome.DONE;
  }
}

package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import java.util.function.Supplier;

/**
 * Where a live machine's log entries go: a file, a backup, both, or nowhere. One sink takes one log (one epoch). Called
 * on the vCPU's thread only, in the order of the entries, until {@link #end}.
 *
 * <p>A sink that cannot keep up blocks for as long as its bound allows, and then throws {@link
 * dev.lockstep.engine.VmmException}, which ends the machine: an entry that is not in the log must not take effect.
 */
public interface LogSink {
  /** A sink that keeps nothing. */
  LogSink NONE =
      new LogSink() {
        @Override
        public void begin(Supplier<LogHeader> header) {}

        @Override
        public void append(long sequence, LogEntry entry) {}

        @Override
        public void end() {}
      };

  /**
   * The first call.
   *
   * @param header makes the header of this log; hashes memory and reads every disk, so ask only if it is needed, and only
   *     during this call
   */
  void begin(Supplier<LogHeader> header);

  /**
   * Takes the next entry; it takes effect after this has returned.
   *
   * @param sequence its number; 0 for the first, then one more each
   * @param entry never a {@link LogEntry.ProgressMark}
   */
  void append(long sequence, LogEntry entry);

  /**
   * As {@link #append(long, LogEntry)}, for a sink that wants places.
   *
   * @param placed its entry is never a {@link LogEntry.ProgressMark}
   */
  default void append(long sequence, PlacedEntry placed) {
    append(sequence, placed.entry());
  }

  /** Whether entries and marks are wanted with their places: whoever follows does not come by every point. Such a sink is not told how far the log is certain. Asked once, at the beginning. */
  default boolean wantsPlaces() {
    return false;
  }

  /**
   * The machine has come to a boundary and will not append for a while: what was appended should go its way now.
   */
  default void flush() {}

  /**
   * A sink may keep entries back, so that they go together with each other and with the promise that follows, but not beyond this: called before the guest runs, before the machine waits, and at the end of
   * each of its turns.
   */
  default void settle() {}

  /** Whether the guest is to stand still where it is. Asked at every boundary, and from time to time while it stands. */
  default boolean held() {
    return false;
  }

  /**
   * No input will take effect before this moment. Called after {@link #flush}, at each boundary, about every {@link
   * #progressNanos}.
   */
  default void progress(Moment moment) {}

  /** As {@link #progress(Moment)}, for a sink that wants places. */
  default void progress(PlacedEntry mark) {
    progress(mark.entry().at());
  }

  /**
   * Whether marks are to be promises ({@link LogEntry.ProgressMark}), so that a backup can run beside this machine. Inputs then wait until what is promised is over, about {@link #runningProgressNanos} at most. Asked
   * whenever the guest is about to run on; not of a sink that wants places.
   */
  default boolean wantsPromises() {
    return false;
  }

  /** As {@link #progress(Moment)} but without a {@link #flush} before, and from there on none takes effect until the guest's branch count has come to {@code until} or it waits halted. */
  default void promise(Moment moment, long until) {
    flush();
    progress(moment);
  }

  /** How often this sink wants {@link #progress} at least while no entry is appended, in nanoseconds of host time; 0 for never. */
  default long progressNanos() {
    return 0;
  }

  /** The same while the guest runs: as close as it wants it now. Asked at every boundary. */
  default long runningProgressNanos() {
    return progressNanos();
  }

  /**
   * This host could not do what the guest wants of a disk. Whether the guest is to wait for the answer, since another host may do it: the failure then takes effect nowhere. Asked at every boundary until it
   * is false.
   *
   * @param disk what the disk is called in messages
   */
  default boolean keepsWaiting(String disk, DiskRequest failed) {
    return false;
  }

  /** Whether {@link LogEntry.EndOfLog} should carry a digest of the final state, disks included, which takes a while. */
  default boolean wantsFinalDigest() {
    return false;
  }

  /** No more entries come. If the last one was not {@link LogEntry.EndOfLog}, the machine died. */
  void end();
}

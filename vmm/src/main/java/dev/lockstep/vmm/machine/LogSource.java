package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import org.jspecify.annotations.Nullable;

/**
 * The log that a replica follows: a file, or the growing stream of a primary. The replica never runs past the moment of
 * the last entry or progress mark that the source holds; where there is none it waits.
 *
 * <p>{@link #peek}, {@link #advance} and {@link #ended} are called on the vCPU's thread and never block. A source of a
 * stream may let a newer progress mark take the place of an older one that is still last in line and was not peeked.
 */
public interface LogSource {
  /** What this is a log of. */
  LogHeader header();

  /** Number in the log of the first entry that {@link #peek} gives; 0 unless the machine was restored in mid-log. */
  default long firstSequence() {
    return 0;
  }

  /**
   * The next entry, without taking it; null if there is none at present.
   *
   * @throws dev.lockstep.engine.VmmException if the log cannot be read on
   */
  @Nullable LogEntry peek();

  /** Takes the entry that {@link #peek} gave: it has taken effect here. */
  void advance();

  /** Whether nothing will follow what {@link #peek} gives now. */
  boolean ended();

  /**
   * Who is told that {@link #peek} may have an entry now, or that the source has ended. Called on any thread; does not
   * block. Set once, before {@link #peek} is called first.
   */
  void onAvailable(Runnable wake);
}

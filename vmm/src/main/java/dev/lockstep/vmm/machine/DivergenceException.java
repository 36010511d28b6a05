package dev.lockstep.vmm.machine;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import org.jspecify.annotations.Nullable;

/** A replica's execution differs from the recorded one. The replica must not go live. */
public final class DivergenceException extends VmmException {
  private static final long serialVersionUID = 1L;

  private final transient Moment at;
  private final transient @Nullable LogEntry expected;
  private final String field;
  private final String recorded;
  private final String replayed;

  /**
   * @param at where the replica stands
   * @param expected the first entry that it does not fulfil; null if it went past the log's end
   * @param field what differs
   * @param recorded the value in the log
   * @param replayed the value here
   */
  public DivergenceException(
      Moment at, @Nullable LogEntry expected, String field, String recorded, String replayed) {
    super(
        "the replay diverges at %s: %s is %s in the log, %s here"
            .formatted(at, field, recorded, replayed),
        "Replay with the same version of Lockstep; if it is the same, this is a defect: keep the log and report it.");
    this.at = at;
    this.expected = expected;
    this.field = field;
    this.recorded = recorded;
    this.replayed = replayed;
  }

  /** Where the replica stands. */
  public Moment at() {
    return at;
  }

  /** The first entry that it does not fulfil. */
  public @Nullable LogEntry expected() {
    return expected;
  }

  /** What differs. */
  public String field() {
    return field;
  }

  /** The value in the log. */
  public String recorded() {
    return recorded;
  }

  /** The value here. */
  public String replayed() {
    return replayed;
  }
}

package dev.lockstep.vmm.log;

import dev.lockstep.engine.VmmException;
import java.nio.file.Path;

/**
 * How a log's file ends, seen by a reader that has read all that is good.
 *
 * @param file the segment in which reading ended
 * @param offset in that file of the first byte that is not part of the good log
 * @param detail what is wrong there, or empty
 */
public record LogEnding(Kind kind, Path file, long offset, String detail) {
  /** What the end looks like. */
  public enum Kind {
    /** The last entry is {@link LogEntry.EndOfLog}. */
    COMPLETE,
    /** The file ends after a whole batch: the recorder was killed. */
    UNFINISHED,
    /** The last segment ends within a batch: the recorder or its host died while writing. */
    TORN,
    /** There are bytes that nobody wrote so. */
    CORRUPT
  }

  /** The problem as an error for a user; only for an ending that is not complete. */
  public VmmException asException() {
    return switch (kind) {
      case COMPLETE -> throw new IllegalStateException("a complete log is no error");
      case UNFINISHED ->
          new VmmException(
              "the event log ends without an end mark, in '%s' at offset %d"
                  .formatted(file, offset),
              "Its recorder was killed; everything up to there was replayed.");
      case TORN ->
          new VmmException(
              "the event log is torn, in '%s' at offset %d: %s".formatted(file, offset, detail),
              "Its recorder died while writing; everything up to there was replayed.");
      case CORRUPT ->
          new VmmException(
              "the event log is corrupted, in '%s' at offset %d: %s"
                  .formatted(file, offset, detail),
              "Everything up to there was replayed; restore the file from a copy to get the rest.");
    };
  }
}

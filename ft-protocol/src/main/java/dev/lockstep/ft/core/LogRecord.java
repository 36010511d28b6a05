package dev.lockstep.ft.core;

/**
 * One entry of the event log as replication carries it.
 *
 * @param sequence its number in the VM's incarnation, from 1, without gaps, across epochs
 * @param kind what it means to replication
 * @param position where it took effect: monotone over the log; used for lag, never for delivery
 * @param payload the machine's own encoding of the entry
 */
public record LogRecord(long sequence, RecordKind kind, Position position, Payload payload) {
  public LogRecord {
    if (sequence < 1) {
      throw new IllegalArgumentException("log record " + sequence + ": sequences start at 1");
    }
  }
}

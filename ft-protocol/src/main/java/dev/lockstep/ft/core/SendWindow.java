package dev.lockstep.ft.core;

import java.util.ArrayList;
import java.util.List;

/** The records a backup has not acknowledged, in order, and which of them have been sent. Grows as needed; whoever fills it keeps to the limits. */
final class SendWindow {
  private LogRecord[] ring = new LogRecord[256];
  private long first;
  private long end;
  private long unsent;
  private long payloadBytes;

  /** A window whose first record will be {@code firstSequence}. */
  SendWindow(long firstSequence) {
    first = firstSequence;
    end = firstSequence;
    unsent = firstSequence;
  }

  void add(LogRecord added) {
    if (added.sequence() != end) {
      throw new IllegalStateException(
          "record " + added.sequence() + " added to a window that expects " + end);
    }
    if (end - first == ring.length) {
      grow();
    }
    ring[slot(end)] = added;
    end++;
    payloadBytes += added.payload().length();
  }

  /** Drops every record up to {@code sequence}; true if that dropped any. */
  boolean acknowledge(long sequence) {
    if (sequence >= end) {
      throw new IllegalStateException(
          "record " + sequence + " acknowledged, but the last one is " + (end - 1));
    }
    boolean advanced = sequence >= first;
    while (first <= sequence) {
      payloadBytes -= ring[slot(first)].payload().length();
      first++;
    }
    unsent = Math.max(unsent, first);
    return advanced;
  }

  /** All that is not acknowledged will be sent again. */
  void rewind() {
    unsent = first;
  }

  /** Takes the next records to send, within the bounds but at least one if there is any. */
  List<LogRecord> takeBatch(int maxRecords, int maxBytes) {
    List<LogRecord> batch = new ArrayList<>();
    int bytes = 0;
    while (unsent < end && batch.size() < maxRecords) {
      LogRecord next = ring[slot(unsent)];
      bytes += next.payload().length();
      if (bytes > maxBytes && !batch.isEmpty()) {
        break;
      }
      batch.add(next);
      unsent++;
    }
    return batch;
  }

  boolean hasUnsent() {
    return unsent < end;
  }

  /** The last record that was sent, or the one before the window. */
  long sentThrough() {
    return unsent - 1;
  }

  long acknowledgedThrough() {
    return first - 1;
  }

  int size() {
    return (int) (end - first);
  }

  long payloadBytes() {
    return payloadBytes;
  }

  private int slot(long sequence) {
    return (int) (sequence & (ring.length - 1));
  }

  private void grow() {
    LogRecord[] larger = new LogRecord[ring.length * 2];
    for (long sequence = first; sequence < end; sequence++) {
      larger[(int) (sequence & (larger.length - 1))] = ring[slot(sequence)];
    }
    ring = larger;
  }
}

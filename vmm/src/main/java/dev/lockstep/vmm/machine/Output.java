package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.LogEntry;

/**
 * Bytes on their way out of the machine. The array is shared and not to be changed.
 *
 * @param sequence number of {@code entry} in the log
 * @param entry the output's own entry
 * @param bytes as many as the entry says
 */
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
public record Output(long sequence, LogEntry.OutputEntry entry, byte[] bytes) {
  public Output {
    if (bytes.length != entry.length()) {
      throw new IllegalArgumentException(
          "%d bytes for an entry of %d".formatted(bytes.length, entry.length()));
    }
  }
}

package dev.lockstep.ft.replica;

import dev.lockstep.ft.core.BackupInput;
import dev.lockstep.ft.core.Divergence;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.vmm.log.EntryDecoder;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.DivergenceException;
import dev.lockstep.vmm.machine.PlacedEntry;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The machine's entries and moments in the protocol's terms. Each entry is encoded by itself, so that any record can be read without the ones before. */
final class Moments {
  /** Virtual time, work, work since the last exit, and the entry's length. */
  private static final int PLACE_BYTES = 3 * Long.BYTES + Integer.BYTES;

  private Moments() {}

  static Position position(Moment moment) {
    return new Position(moment.count(), moment.haltedNanos());
  }

  static Payload encode(EntryEncoder encoder, LogEntry entry) {
    encoder.reset();
    encoder.add(entry);
    return Payload.of(encoder.toByteArray());
  }

  /**
   * What a replay has found to differ.
   *
   * @param before how far it had come
   */
  static Divergence divergence(DivergenceException why, BackupInput.Replayed before) {
    LogEntry expected = why.expected();
    return new Divergence(
        before.throughSequence() + 1,
        expected instanceof LogEntry.OutputEntry ? before.outputs() + 1 : 0,
        why.field(),
        why.recorded(),
        why.replayed(),
        expected == null ? "" : expected.at().toString(),
        why.at().toString());
  }

  /** An entry with its place: three numbers, the entry behind its length, and the bytes of an output. */
  static Payload encode(EntryEncoder encoder, PlacedEntry placed) {
    byte[] entry = encode(encoder, placed.entry()).bytes();
    byte[] output = placed.output() == null ? new byte[0] : placed.output();
    ByteBuffer bytes = ByteBuffer.allocate(PLACE_BYTES + entry.length + output.length);
    bytes.putLong(placed.virtualNanos()).putLong(placed.work()).putLong(placed.workSinceAnchor());
    bytes.putInt(entry.length).put(entry).put(output);
    return Payload.of(bytes.array());
  }

  /**
   * Reads what {@link #encode(EntryEncoder, PlacedEntry)} wrote.
   *
   * @throws LogFormatException if it is anything else
   */
  static PlacedEntry decodePlaced(Payload payload) throws LogFormatException {
    ByteBuffer bytes = ByteBuffer.wrap(payload.bytes());
    if (bytes.remaining() < PLACE_BYTES) {
      throw new LogFormatException("a placed entry of %d bytes".formatted(bytes.remaining()));
    }
    long virtualNanos = bytes.getLong();
    long work = bytes.getLong();
    long workSinceAnchor = bytes.getLong();
    int length = bytes.getInt();
    if (length < 0 || length > bytes.remaining() || virtualNanos < 0 || workSinceAnchor < 0) {
      throw new LogFormatException("a placed entry whose entry has %d bytes".formatted(length));
    }
    LogEntry entry = new EntryDecoder(bytes.array(), bytes.position(), length).next();
    byte[] rest =
        Arrays.copyOfRange(bytes.array(), bytes.position() + length, bytes.array().length);
    boolean output = entry instanceof LogEntry.OutputEntry;
    boolean fits =
        entry instanceof LogEntry.OutputEntry it
            ? rest.length == it.length() && LogHash.of(rest) == it.hash()
            : rest.length == 0;
    if (!fits) {
      throw new LogFormatException("%d bytes behind %s".formatted(rest.length, entry));
    }
    return output
        ? new PlacedEntry(entry, virtualNanos, work, workSinceAnchor, rest)
        : new PlacedEntry(entry, virtualNanos, work, workSinceAnchor);
  }

  static LogEntry decode(Payload payload) throws LogFormatException {
    return new EntryDecoder(payload.bytes(), 0, payload.length()).next();
  }
}

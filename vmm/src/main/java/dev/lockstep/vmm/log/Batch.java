package dev.lockstep.vmm.log;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Some entries in a row, as they are written to a file or sent to a backup; each batch can be read without the ones before it.
 *
 * <p>Encoded, big-endian: magic, payload's length, first sequence (64 bits), number of entries, CRC-32C of the payload,
 * CRC-32C of these fields; then the payload by {@link EntryEncoder}.
 *
 * @param firstSequence the number of the first entry; the log's first entry has number 0
 * @param entries at least one
 */
public record Batch(long firstSequence, List<LogEntry> entries) {
  /** Bytes before the payload. */
  public static final int HEADER_BYTES = 28;

  /** The most bytes of one batch's payload. */
  public static final int MAX_PAYLOAD_BYTES = 1 << 24;

  static final int MAGIC = 0x4c534231; // "LSB1"

  public Batch {
    entries = List.copyOf(entries);
    if (entries.isEmpty() || firstSequence < 0) {
      throw new IllegalArgumentException(
          "a batch of %d entries from number %d".formatted(entries.size(), firstSequence));
    }
  }

  /** Number of the last entry. */
  public long lastSequence() {
    return firstSequence + entries.size() - 1;
  }

  /** The batch as bytes. */
  public byte[] encode() {
    EntryEncoder encoder = new EntryEncoder();
    entries.forEach(encoder::add);
    return encode(firstSequence, encoder);
  }

  /** What an encoder has collected since its reset, as a batch's bytes. */
  static byte[] encode(long firstSequence, EntryEncoder encoder) {
    byte[] payload = encoder.toByteArray();
    if (payload.length > MAX_PAYLOAD_BYTES) {
      throw new IllegalStateException("a batch of %d bytes".formatted(payload.length));
    }
    ByteBuffer out = ByteBuffer.allocate(HEADER_BYTES + payload.length);
    out.putInt(MAGIC).putInt(payload.length).putLong(firstSequence).putInt(encoder.entries());
    out.putInt(crc(payload, 0, payload.length));
    out.putInt(crc(out.array(), 0, out.position()));
    return out.put(payload).array();
  }

  /**
   * Bytes of the payload that follows a header.
   *
   * @param header at least {@link #HEADER_BYTES} from {@code at} on
   * @throws LogFormatException if that is no header of a batch
   */
  public static int payloadBytes(byte[] header, int at) throws LogFormatException {
    ByteBuffer in = ByteBuffer.wrap(header, at, HEADER_BYTES);
    if (in.getInt(at + HEADER_BYTES - 4) != crc(header, at, HEADER_BYTES - 4)) {
      throw new LogFormatException("a batch's header does not have its checksum");
    }
    int length = in.getInt(at + 4);
    if (in.getInt(at) != MAGIC || length < 1 || length > MAX_PAYLOAD_BYTES) {
      throw new LogFormatException("no batch begins here");
    }
    return length;
  }

  /**
   * The reverse of {@link #encode()}.
   *
   * @param bytes one whole batch and nothing else
   * @throws LogFormatException if the bytes are not a batch, or not as they were written
   */
  public static Batch decode(byte[] bytes) throws LogFormatException {
    if (bytes.length < HEADER_BYTES || payloadBytes(bytes, 0) != bytes.length - HEADER_BYTES) {
      throw new LogFormatException("a batch of %d bytes is cut off".formatted(bytes.length));
    }
    ByteBuffer in = ByteBuffer.wrap(bytes);
    long firstSequence = in.getLong(8);
    int count = in.getInt(16);
    int length = bytes.length - HEADER_BYTES;
    if (in.getInt(20) != crc(bytes, HEADER_BYTES, length)) {
      throw new LogFormatException("a batch does not have its checksum");
    }
    EntryDecoder decoder = new EntryDecoder(bytes, HEADER_BYTES, length);
    List<LogEntry> entries = new ArrayList<>();
    while (decoder.hasNext()) {
      entries.add(decoder.next());
    }
    if (entries.size() != count || firstSequence < 0) {
      throw new LogFormatException(
          "a batch of %d entries holds %d".formatted(count, entries.size()));
    }
    return new Batch(firstSequence, entries);
  }

  private static int crc(byte[] bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, length);
    return (int) crc.getValue();
  }
}

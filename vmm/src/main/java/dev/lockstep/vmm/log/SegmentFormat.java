package dev.lockstep.vmm.log;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * The files of a log: a directory of segments {@code segment-00000000.lslog} and so on. A segment begins with a prefix
 * (big-endian: magic, version, index, first sequence, length of the log's header, CRC-32C of all this and the header) and
 * the log's header, the same in each; then come batches.
 */
final class SegmentFormat {
  static final long MAGIC = 0x4c535445504c4f47L; // "LSTEPLOG"
  static final int VERSION = 1;
  static final int PREFIX_BYTES = 32;

  private static final String PREFIX = "segment-";
  private static final String SUFFIX = ".lslog";

  /** What stands before a segment's batches. */
  record Start(int index, long firstSequence, LogHeader header, int bytes) {}

  private SegmentFormat() {}

  static Path path(Path directory, int index) {
    return directory.resolve("%s%08d%s".formatted(PREFIX, index, SUFFIX));
  }

  static byte[] encode(int index, long firstSequence, byte[] header) {
    ByteBuffer out = ByteBuffer.allocate(PREFIX_BYTES + header.length);
    out.putLong(MAGIC).putInt(VERSION).putInt(index).putLong(firstSequence).putInt(header.length);
    out.putInt(0).put(header);
    out.putInt(PREFIX_BYTES - 4, crc(out.array()));
    return out.array();
  }

  /**
   * Reads a segment's start.
   *
   * @throws LogFormatException if it is damaged or cut off
   * @throws VmmException if it is no log, or of a version not known here
   */
  static Start read(Path file, InputStream in) throws IOException {
    byte[] prefix = in.readNBytes(PREFIX_BYTES);
    if (prefix.length >= Long.BYTES && ByteBuffer.wrap(prefix).getLong() != MAGIC) {
      throw new VmmException(
          "'%s' is not a segment of an event log".formatted(file),
          "Name the directory that 'lockstep record' wrote.");
    }
    if (prefix.length < PREFIX_BYTES) {
      throw new LogFormatException("the segment's start is cut off");
    }
    ByteBuffer fields = ByteBuffer.wrap(prefix);
    int version = fields.getInt(8);
    int length = fields.getInt(24);
    if (length < 0 || length > LogHeader.MAX_BYTES) {
      throw new LogFormatException("the segment's start is damaged");
    }
    byte[] header = in.readNBytes(length);
    if (header.length < length) {
      throw new LogFormatException("the segment's start is cut off");
    }
    byte[] whole = new byte[PREFIX_BYTES + length];
    System.arraycopy(prefix, 0, whole, 0, PREFIX_BYTES - 4);
    System.arraycopy(header, 0, whole, PREFIX_BYTES, length);
    if (crc(whole) != fields.getInt(PREFIX_BYTES - 4)) {
      throw new LogFormatException("the segment's start does not have its checksum");
    }
    if (version != VERSION) {
      throw new VmmException(
          "'%s' is an event log of version %d, this program knows version %d"
              .formatted(file, version, VERSION),
          "Use the version of Lockstep that recorded it.");
    }
    return new Start(fields.getInt(12), fields.getLong(16), LogHeader.decode(header), whole.length);
  }

  /** The segments of a log, in order. */
  static List<Path> segments(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> {
            String name = String.valueOf(file.getFileName());
            return name.startsWith(PREFIX) && name.endsWith(SUFFIX);
          })
          .sorted()
          .toList();
    } catch (NoSuchFileException e) {
      throw new VmmException(
          "there is no event log '%s'".formatted(directory),
          "Name the directory that 'lockstep record' wrote.",
          e);
    } catch (NotDirectoryException e) {
      throw new VmmException(
          "'%s' is not a directory, so it is not an event log".formatted(directory),
          "Name the directory that 'lockstep record' wrote.",
          e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int crc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }
}

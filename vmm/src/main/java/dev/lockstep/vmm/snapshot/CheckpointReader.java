package dev.lockstep.vmm.snapshot;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.MomentCodec;
import java.io.ByteArrayInputStream;
import java.io.DataInput;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Reads a checkpoint: the header at once, the rest section by section. Bytes that were not written so are refused. */
public final class CheckpointReader {
  /** Takes what a checkpoint contains, in its order. The arrays are the reader's and change with the next call. */
  public interface Target {
    /**
     * A page of guest memory.
     *
     * @param page its number in the mapping
     * @param bytes holds {@link GuestMemory#PAGE_SIZE} bytes from {@code from} on
     */
    void page(int page, byte[] bytes, int from) throws IOException;

    /**
     * A piece of a disk.
     *
     * @param offset bytes from the disk's start
     */
    void blocks(int disk, long offset, byte[] bytes, int from, int length) throws IOException;

    /** Everything but memory and disks. */
    void state(byte[] state) throws IOException;

    /** The last: what the state must come to. */
    void end(MachineDigest digest) throws IOException;
  }

  private static final int PAGE_ENTRY_BYTES = Integer.BYTES + GuestMemory.PAGE_SIZE;
  private static final int MAX_RAW_BYTES = 1 << 21;

  private final DataInput in;
  private final LogHeader header;
  private byte[] payload = new byte[1 << 16];
  private byte[] raw = new byte[1 << 16];
  private long pages;
  private boolean sawState;
  private boolean ended;

  /**
   * Reads the beginning.
   *
   * @throws VmmException if it is no checkpoint, or of another version
   * @throws IOException if it is damaged or cannot be read
   */
  public CheckpointReader(DataInput in) throws IOException {
    this.in = in;
    if (in.readLong() != CheckpointFormat.MAGIC) {
      throw new VmmException(
          "this is not a snapshot of a machine",
          "Name one that 'lockstep ctl snapshot' wrote, or the snapshot key of a console.");
    }
    int version = in.readInt();
    if (version != CheckpointFormat.VERSION) {
      throw new VmmException(
          "the snapshot has version %d, this program knows version %d"
              .formatted(version, CheckpointFormat.VERSION),
          "Use the version of Lockstep that made it.");
    }
    int length = section(CheckpointFormat.HEADER);
    byte[] encoded = new byte[length];
    System.arraycopy(payload, 0, encoded, 0, length);
    header = LogHeader.decode(encoded);
  }

  /** What machine it is of. */
  public LogHeader header() {
    return header;
  }

  /**
   * Reads the next section.
   *
   * @return false if that was the last
   * @throws IOException if it is damaged, cut off or cannot be read
   */
  public boolean next(Target target) throws IOException {
    if (ended) {
      throw new IllegalStateException("the checkpoint was read to its end");
    }
    int type = in.readUnsignedByte();
    int length = sectionAfterType(type);
    switch (type) {
      case CheckpointFormat.PAGES -> pages(length, target);
      case CheckpointFormat.BLOCKS -> blocks(length, target);
      case CheckpointFormat.STATE -> {
        if (sawState) {
          throw new LogFormatException("the checkpoint has two states");
        }
        sawState = true;
        byte[] state = new byte[length];
        System.arraycopy(payload, 0, state, 0, length);
        target.state(state);
      }
      case CheckpointFormat.END -> end(length, target);
      default -> throw new LogFormatException("a section of unknown type " + type);
    }
    return !ended;
  }

  private void pages(int length, Target target) throws IOException {
    int size = decompress(length);
    ByteBuffer batch = ByteBuffer.wrap(raw, 0, size);
    int count = size < Integer.BYTES ? -1 : batch.getInt();
    if (count < 1 || size != Integer.BYTES + (long) count * PAGE_ENTRY_BYTES) {
      throw new LogFormatException("%d pages in %d bytes".formatted(count, size));
    }
    for (int i = 0; i < count; i++) {
      int page = batch.getInt();
      if (page < 0) {
        throw new LogFormatException("page number " + page);
      }
      target.page(page, raw, batch.position());
      batch.position(batch.position() + GuestMemory.PAGE_SIZE);
    }
    pages += count;
  }

  private void blocks(int length, Target target) throws IOException {
    int size = decompress(length);
    int start = Integer.BYTES + Long.BYTES;
    if (size <= start) {
      throw new LogFormatException("a piece of a disk in %d bytes".formatted(size));
    }
    ByteBuffer batch = ByteBuffer.wrap(raw);
    int disk = batch.getInt();
    long offset = batch.getLong();
    if (disk < 0 || offset < 0) {
      throw new LogFormatException("a piece of disk %d at %d".formatted(disk, offset));
    }
    target.blocks(disk, offset, raw, start, size - start);
  }

  private void end(int length, Target target) throws IOException {
    if (!sawState) {
      throw new LogFormatException("the checkpoint ends without a state");
    }
    DataInputStream data = new DataInputStream(new ByteArrayInputStream(payload, 0, length));
    long written = data.readLong();
    if (written != pages) {
      throw new LogFormatException("%d pages came of %d".formatted(pages, written));
    }
    ended = true;
    target.end(MomentCodec.readDigest(data));
  }

  private int decompress(int length) throws IOException {
    int size = length < Integer.BYTES ? -1 : ByteBuffer.wrap(payload).getInt();
    if (size < 0 || size > MAX_RAW_BYTES) {
      throw new LogFormatException("a compressed section of %d bytes".formatted(size));
    }
    if (raw.length < size) {
      raw = new byte[size];
    }
    long result;
    try {
      result =
          Zstd.decompressByteArray(raw, 0, size, payload, Integer.BYTES, length - Integer.BYTES);
    } catch (ZstdException e) {
      throw new LogFormatException("a compressed section cannot be unpacked: " + e.getMessage());
    }
    if (result != size) {
      throw new LogFormatException("a compressed section cannot be unpacked");
    }
    return size;
  }

  private int section(int wanted) throws IOException {
    int type = in.readUnsignedByte();
    if (type != wanted) {
      throw new LogFormatException("section %d instead of %d".formatted(type, wanted));
    }
    return sectionAfterType(type);
  }

  private int sectionAfterType(int type) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > CheckpointFormat.MAX_SECTION_BYTES) {
      throw new LogFormatException("a section of %d bytes".formatted(length));
    }
    // Grows as bytes come, so that a damaged length does not cost memory.
    int have = 0;
    while (have < length) {
      int part = Math.min(length - have, Math.max(payload.length - have, 1 << 20));
      if (payload.length < have + part) {
        payload = Arrays.copyOf(payload, Math.max(have + part, payload.length * 2));
      }
      in.readFully(payload, have, part);
      have += part;
    }
    if (in.readInt() != CheckpointFormat.crc(type, payload, length)) {
      throw new LogFormatException(
          "a section of type %d does not have its checksum".formatted(type));
    }
    return length;
  }
}

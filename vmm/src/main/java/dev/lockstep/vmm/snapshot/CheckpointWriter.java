package dev.lockstep.vmm.snapshot;

import com.github.luben.zstd.Zstd;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.disk.BlockStore;
import dev.lockstep.vmm.disk.DirtyBlocks;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.MomentCodec;
import java.io.ByteArrayOutputStream;
import java.io.DataOutput;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.BitSet;

/**
 * Writes a checkpoint. Begins with the constructor; then {@link #pages} and {@link #blocks} as often as needed (a page
 * that was written since is simply sent again), {@link #state} once, and {@link #end}.
 */
public final class CheckpointWriter {
  private static final int LEVEL = 1;

  private final DataOutput out;
  private final byte[] raw =
      new byte
          [CheckpointFormat.BATCH_PAGES * (Integer.BYTES + GuestMemory.PAGE_SIZE) + Integer.BYTES];
  private final byte[] zeros = new byte[GuestMemory.PAGE_SIZE];
  private final byte[] packed;
  private long pagesWritten;
  private long bytesWritten;

  /**
   * Begins a checkpoint.
   *
   * @param header of the machine; its moment and digest are those of the checkpoint's beginning
   */
  public CheckpointWriter(DataOutput out, LogHeader header) throws IOException {
    this.out = out;
    this.packed =
        new byte
            [Integer.BYTES
                + (int)
                    Zstd.compressBound(Math.max(raw.length, CheckpointFormat.BLOCK_BYTES + 64))];
    out.writeLong(CheckpointFormat.MAGIC);
    out.writeInt(CheckpointFormat.VERSION);
    bytesWritten = Long.BYTES + Integer.BYTES;
    byte[] encoded = header.encode();
    section(CheckpointFormat.HEADER, encoded, encoded.length);
  }

  /** Pages written so far. */
  public long pagesWritten() {
    return pagesWritten;
  }

  /** Bytes written so far. */
  public long bytesWritten() {
    return bytesWritten;
  }

  /**
   * Writes pages as they are now. The vCPU stands still.
   *
   * @param pages by number in the memory's mapping
   */
  public void pages(GuestMemory memory, BitSet pages) throws IOException {
    write(memory, pages, false);
  }

  /** As {@link #pages}, leaving out pages that are all zeros: for a reader whose memory is all zeros at the start. */
  public void nonZeroPages(GuestMemory memory, BitSet pages) throws IOException {
    write(memory, pages, true);
  }

  private void write(GuestMemory memory, BitSet pages, boolean skipZeros) throws IOException {
    MemorySegment segment = memory.segment();
    MemorySegment zeroPage = MemorySegment.ofArray(zeros);
    ByteBuffer batch = ByteBuffer.wrap(raw);
    int count = 0;
    batch.putInt(0);
    for (int page = pages.nextSetBit(0); page >= 0; page = pages.nextSetBit(page + 1)) {
      MemorySegment source =
          segment.asSlice((long) page << GuestMemory.PAGE_SHIFT, GuestMemory.PAGE_SIZE);
      if (skipZeros && source.mismatch(zeroPage) < 0) {
        continue;
      }
      batch.putInt(page);
      MemorySegment.copy(source, GuestMemory.U8, 0, raw, batch.position(), GuestMemory.PAGE_SIZE);
      batch.position(batch.position() + GuestMemory.PAGE_SIZE);
      count++;
      if (count == CheckpointFormat.BATCH_PAGES) {
        flush(batch, count);
        count = 0;
      }
    }
    if (count > 0) {
      flush(batch, count);
    }
  }

  private void flush(ByteBuffer batch, int count) throws IOException {
    batch.putInt(0, count);
    compressed(CheckpointFormat.PAGES, batch.position());
    pagesWritten += count;
    batch.clear().putInt(0);
  }

  /**
   * Writes a piece of a disk.
   *
   * @param disk index in the configuration
   * @param offset bytes from the disk's start
   * @param data as much as {@code length} says
   * @param length bytes, 1 to {@code 1 << 20}
   */
  public void blocks(int disk, long offset, byte[] data, int length) throws IOException {
    if (length < 1 || length > CheckpointFormat.BLOCK_BYTES) {
      throw new IllegalArgumentException("a piece of %d bytes".formatted(length));
    }
    ByteBuffer batch = ByteBuffer.wrap(raw);
    batch.putInt(disk).putLong(offset).put(data, 0, length);
    compressed(CheckpointFormat.BLOCKS, batch.position());
  }

  /**
   * Writes blocks of a disk as they are now.
   *
   * @param disk index in the configuration
   * @param wanted by number; see {@link DirtyBlocks}
   */
  public void blocks(int disk, BlockStore store, BitSet wanted) throws IOException {
    byte[] piece = new byte[CheckpointFormat.BLOCK_BYTES];
    int from = wanted.nextSetBit(0);
    while (from >= 0) {
      int to = Math.min(wanted.nextClearBit(from), from + piece.length / DirtyBlocks.BLOCK_BYTES);
      long offset = (long) from * DirtyBlocks.BLOCK_BYTES;
      long end = Math.min((long) to * DirtyBlocks.BLOCK_BYTES, store.sizeBytes());
      int length = (int) (end - offset);
      store.read(offset, ByteBuffer.wrap(piece, 0, length));
      blocks(disk, offset, piece, length);
      from = wanted.nextSetBit(to);
    }
  }

  /** Writes everything but memory and disks. */
  public void state(byte[] state) throws IOException {
    section(CheckpointFormat.STATE, state, state.length);
  }

  /**
   * Ends the checkpoint.
   *
   * @param digest of the state that a reader must come to
   */
  public void end(MachineDigest digest) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream data = new DataOutputStream(bytes);
    data.writeLong(pagesWritten);
    MomentCodec.write(data, digest);
    section(CheckpointFormat.END, bytes.toByteArray(), bytes.size());
  }

  private void compressed(int type, int length) throws IOException {
    long size =
        Zstd.compressByteArray(
            packed, Integer.BYTES, packed.length - Integer.BYTES, raw, 0, length, LEVEL);
    if (Zstd.isError(size)) {
      throw new IllegalStateException("zstd: " + Zstd.getErrorName(size));
    }
    ByteBuffer.wrap(packed).putInt(length);
    section(type, packed, Integer.BYTES + (int) size);
  }

  private void section(int type, byte[] payload, int length) throws IOException {
    if (length > CheckpointFormat.MAX_SECTION_BYTES) {
      throw new IllegalStateException("a section of %d bytes".formatted(length));
    }
    out.writeByte(type);
    out.writeInt(length);
    out.write(payload, 0, length);
    out.writeInt(CheckpointFormat.crc(type, payload, length));
    bytesWritten += 1 + Integer.BYTES + length + Integer.BYTES;
  }
}

package dev.lockstep.ft.replica;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.vmm.disk.DirtyBlocks;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.machine.Boundary;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * A set of pages and, for each disk, of blocks.
 *
 * @param pages by number in the memory's mapping
 * @param blocks for each disk of the configuration; see {@link DirtyBlocks}
 */
record Written(BitSet pages, List<BitSet> blocks) {
  /** A set is told more coarsely rather than in more bytes than that. */
  private static final int MAX_RAW_BYTES = 1 << 20;

  /** Nothing, of a machine with so many disks. */
  static Written nothing(int disks) {
    List<BitSet> blocks = new ArrayList<>();
    for (int disk = 0; disk < disks; disk++) {
      blocks.add(new BitSet());
    }
    return new Written(new BitSet(), blocks);
  }

  /** Adds what another one has. */
  void add(Written other) {
    pages.or(other.pages);
    for (int disk = 0; disk < blocks.size(); disk++) {
      blocks.get(disk).or(other.blocks.get(disk));
    }
  }

  Written copy() {
    Written copy = nothing(blocks.size());
    copy.add(this);
    return copy;
  }

  /** As bytes, for {@link #read}; perhaps with more in it than there was. */
  Payload encode() {
    for (int shift = 0; ; shift++) {
      byte[] raw = encode(shift);
      if (raw.length <= MAX_RAW_BYTES) {
        return Payload.of(Zstd.compress(raw));
      }
    }
  }

  /** In groups of {@code 1 << shift}: runs, each as how many are left out and how many follow. */
  private byte[] encode(int shift) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(shift);
      out.writeByte(blocks.size());
      write(pages, shift, out);
      for (BitSet disk : blocks) {
        write(disk, shift, out);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void write(BitSet set, int shift, DataOutputStream out) throws IOException {
    BitSet groups = set;
    if (shift > 0) {
      groups = new BitSet();
      for (int bit = set.nextSetBit(0); bit >= 0; bit = set.nextSetBit(bit + 1)) {
        groups.set(bit >> shift);
      }
    }
    int behind = 0;
    for (int from = groups.nextSetBit(0); from >= 0; from = groups.nextSetBit(behind)) {
      int to = groups.nextClearBit(from);
      number(from - behind, out);
      number(to - from, out);
      behind = to;
    }
    // A run of nothing is the end.
    number(0, out);
    number(0, out);
  }

  private static void number(int value, DataOutputStream out) throws IOException {
    int rest = value;
    while (rest >= 0x80) {
      out.writeByte(rest | 0x80);
      rest >>>= 7;
    }
    out.writeByte(rest);
  }

  /**
   * Reads what a peer has sent. What lies beyond this machine is left out.
   *
   * @throws IOException if it is damaged, or of a machine with other disks
   */
  static Written read(Payload payload, Boundary boundary) throws IOException {
    List<Long> blocks = new ArrayList<>();
    for (DiskBackend disk : boundary.disks()) {
      long bytes = disk.store().sizeBytes();
      blocks.add((bytes + DirtyBlocks.BLOCK_BYTES - 1) / DirtyBlocks.BLOCK_BYTES);
    }
    return read(payload, boundary.memory().segment().byteSize() >>> GuestMemory.PAGE_SHIFT, blocks);
  }

  /** As {@link #read(Payload, Boundary)}, for so many pages, and blocks of each disk. */
  static Written read(Payload payload, long pageCount, List<Long> blockCounts) throws IOException {
    byte[] raw = unpacked(payload.bytes());
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(raw))) {
      int shift = in.readUnsignedByte();
      int disks = in.readUnsignedByte();
      if (shift >= Integer.SIZE || disks != blockCounts.size()) {
        throw new IOException("%d disks in groups of 2^%d".formatted(disks, shift));
      }
      Written read = nothing(disks);
      fill(read.pages, shift, pageCount, in);
      for (int disk = 0; disk < disks; disk++) {
        fill(read.blocks.get(disk), shift, blockCounts.get(disk), in);
      }
      return read;
    }
  }

  private static byte[] unpacked(byte[] packed) throws IOException {
    try {
      long size = Zstd.getFrameContentSize(packed);
      if (size < 0 || size > MAX_RAW_BYTES) {
        throw new IOException("a set of %d bytes".formatted(size));
      }
      byte[] raw = new byte[(int) size];
      long result = Zstd.decompress(raw, packed);
      if (Zstd.isError(result) || result != size) {
        throw new IOException("a set that cannot be unpacked");
      }
      return raw;
    } catch (ZstdException e) {
      throw new IOException("a set that cannot be unpacked: " + e.getMessage(), e);
    }
  }

  private static void fill(BitSet set, int shift, long limit, DataInputStream in)
      throws IOException {
    long at = 0;
    while (true) {
      long gap = number(in);
      long length = number(in);
      if (length == 0) {
        return;
      }
      long from = at + gap;
      at = from + length;
      if (at > Integer.MAX_VALUE) {
        throw new IOException("a run up to " + at);
      }
      set.set((int) Math.min(from << shift, limit), (int) Math.min(at << shift, limit));
    }
  }

  private static long number(DataInputStream in) throws IOException {
    long value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      int next = in.readUnsignedByte();
      value |= (long) (next & 0x7f) << shift;
      if (next < 0x80) {
        return value;
      }
    }
    throw new IOException("a number without an end");
  }
}

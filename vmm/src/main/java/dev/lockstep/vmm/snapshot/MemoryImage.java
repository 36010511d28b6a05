package dev.lockstep.vmm.snapshot;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.memory.FilePages;
import dev.lockstep.vmm.log.LogFormatException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Guest memory at the beginning of a snapshot's file, as it is mapped: a head of one page; those chunks of memory that are not all zeros, one behind the other; a table of their numbers and
 * CRC-32Cs; and behind it a {@linkplain CheckpointWriter checkpoint} with the rest of the machine. Big-endian, as that is.
 *
 * <p>Every chunk is looked at when a machine starts from it. CRC-32C is an instruction of the processor, so that costs little more than to touch the pages, and with plain mappings nobody could look at
 * a page between its arrival and the guest's first access.
 */
public final class MemoryImage {
  private static final long MAGIC = 0x4c535445504d454dL; // "LSTEPMEM"
  private static final int VERSION = 1;

  /** Of the head: a multiple of the host's page size, so that chunks can be mapped. */
  private static final int HEAD_BYTES = 4096;

  private static final int HEAD_CRC_AT = HEAD_BYTES - Integer.BYTES;

  private static final int CHUNK_SHIFT = 16;
  private static final int CHUNK_BYTES = 1 << CHUNK_SHIFT;
  private static final int PAGES_SHIFT = CHUNK_SHIFT - GuestMemory.PAGE_SHIFT;
  private static final int ENTRY_BYTES = 2 * Integer.BYTES;

  /** 1 TiB of guest memory, far above what a machine may have. */
  private static final int MAX_CHUNKS = 1 << 24;

  private final long memoryBytes;
  private final int[] numbers;
  private final int[] checksums;

  private MemoryImage(long memoryBytes, int[] numbers, int[] checksums) {
    this.memoryBytes = memoryBytes;
    this.numbers = numbers;
    this.checksums = checksums;
  }

  // ---- writing

  /**
   * Writes chunks and table, and leaves room for the head. The vCPU stands still.
   *
   * @param pages all that may be other than zero, by number in the memory's mapping
   */
  public static MemoryImage write(FileChannel to, GuestMemory memory, BitSet pages)
      throws IOException {
    MemorySegment segment = memory.segment();
    MemorySegment zeros = MemorySegment.ofArray(new byte[CHUNK_BYTES]);
    int[] numbers = new int[(pages.cardinality() >>> 1) + 1];
    int[] checksums = new int[numbers.length];
    int count = 0;
    to.position(HEAD_BYTES);
    for (int page = pages.nextSetBit(0); page >= 0; ) {
      int number = page >>> PAGES_SHIFT;
      MemorySegment chunk = chunk(segment, number);
      if (chunk.mismatch(zeros.asSlice(0, chunk.byteSize())) >= 0) {
        if (count == numbers.length) {
          numbers = Arrays.copyOf(numbers, 2 * count);
          checksums = Arrays.copyOf(checksums, 2 * count);
        }
        numbers[count] = number;
        checksums[count] = checksum(chunk.asByteBuffer());
        writeFully(to, chunk.asByteBuffer());
        count++;
      }
      page = pages.nextSetBit((number + 1) << PAGES_SHIFT);
    }
    MemoryImage image =
        new MemoryImage(
            segment.byteSize(), Arrays.copyOf(numbers, count), Arrays.copyOf(checksums, count));
    writeFully(to, image.table());
    return image;
  }

  /**
   * Writes the head, when all that comes behind is written.
   *
   * @param fileBytes of the whole file
   */
  public void writeHead(FileChannel to, long fileBytes) throws IOException {
    ByteBuffer head =
        ByteBuffer.allocate(HEAD_BYTES)
            .putLong(MAGIC)
            .putInt(VERSION)
            .putInt(numbers.length)
            .putLong(memoryBytes)
            .putLong(fileBytes);
    head.putInt(HEAD_CRC_AT, checksum(head.duplicate().position(0).limit(HEAD_CRC_AT)));
    head.clear();
    for (long at = 0; head.hasRemaining(); ) {
      at += to.write(head, at);
    }
  }

  private ByteBuffer table() {
    ByteBuffer table = ByteBuffer.allocate(tableBytes());
    for (int i = 0; i < numbers.length; i++) {
      table.putInt(numbers[i]).putInt(checksums[i]);
    }
    table.putInt(checksum(table.duplicate().flip()));
    return table.flip();
  }

  private int tableBytes() {
    return numbers.length * ENTRY_BYTES + Integer.BYTES;
  }

  private static void writeFully(FileChannel to, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      to.write(bytes);
    }
  }

  // ---- reading

  /**
   * Reads head and table, and leaves the channel where the checkpoint begins.
   *
   * @return null if the file does not begin so; then the channel is at its beginning
   * @throws IOException if it is damaged, cut off, or cannot be read
   */
  public static @Nullable MemoryImage read(FileChannel from) throws IOException {
    from.position(0);
    ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES);
    int got = fill(from, head, 0);
    head.flip();
    if (got < Long.BYTES || head.getLong() != MAGIC) {
      return null;
    }
    if (got < HEAD_BYTES) {
      throw new EOFException("cut off in the head");
    }
    if (head.getInt(HEAD_CRC_AT) != checksum(head.duplicate().position(0).limit(HEAD_CRC_AT))) {
      throw new LogFormatException("its head does not have its checksum");
    }
    int version = head.getInt();
    if (version != VERSION) {
      throw new LogFormatException(
          "its memory has version %d, this program knows version %d".formatted(version, VERSION));
    }
    int count = head.getInt();
    long memoryBytes = head.getLong();
    long fileBytes = head.getLong();
    if (count < 0 || count > MAX_CHUNKS || memoryBytes <= 0) {
      throw new LogFormatException("%d chunks of %d bytes".formatted(count, memoryBytes));
    }
    if (from.size() < fileBytes) {
      throw new EOFException("%d bytes of %d".formatted(from.size(), fileBytes));
    }
    if (from.size() > fileBytes) {
      throw new LogFormatException(
          "it has %d bytes behind its end".formatted(from.size() - fileBytes));
    }
    MemoryImage image = new MemoryImage(memoryBytes, new int[count], new int[count]);
    image.readTable(from);
    return image;
  }

  private void readTable(FileChannel from) throws IOException {
    long at = HEAD_BYTES + chunkBytes();
    ByteBuffer table = ByteBuffer.allocate(tableBytes());
    if (at > from.size() || fill(from, table, at) < table.capacity()) {
      throw new LogFormatException("its head and its size do not fit each other");
    }
    table.flip();
    int end = table.limit() - Integer.BYTES;
    if (table.getInt(end) != checksum(table.duplicate().limit(end))) {
      throw new LogFormatException("the table of its memory does not have its checksum");
    }
    long chunks = (memoryBytes + CHUNK_BYTES - 1) >>> CHUNK_SHIFT;
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = table.getInt();
      checksums[i] = table.getInt();
      if (numbers[i] <= (i == 0 ? -1 : numbers[i - 1]) || numbers[i] >= chunks) {
        throw new LogFormatException("chunk %d of %d".formatted(numbers[i], chunks));
      }
    }
    from.position(at + table.capacity());
  }

  /** Of all chunks: the last of memory may be shorter than the others, and is the last here. */
  private long chunkBytes() {
    long bytes = (long) numbers.length << CHUNK_SHIFT;
    long missing = -memoryBytes & (CHUNK_BYTES - 1);
    boolean last =
        numbers.length > 0 && numbers[numbers.length - 1] == (memoryBytes - 1) >>> CHUNK_SHIFT;
    return last ? bytes - missing : bytes;
  }

  private static int fill(FileChannel from, ByteBuffer into, long at) throws IOException {
    while (into.hasRemaining() && from.read(into, at + into.position()) >= 0) {
      // until it is full, or the file ends
    }
    return into.position();
  }

  /**
   * Makes this a machine's memory, which is all zeros so far: maps every chunk at its place, copy-on-write, and looks whether it is what was written.
   *
   * @param file the one that this was read from
   * @throws IOException if it is of another size of memory, or a chunk is damaged; then the memory is of no use
   */
  public void become(GuestMemory memory, Path file) throws IOException {
    MemorySegment segment = memory.segment();
    if (segment.byteSize() != memoryBytes) {
      throw new LogFormatException(
          "it has %d bytes of memory, the machine %d".formatted(memoryBytes, segment.byteSize()));
    }
    try (FilePages pages = FilePages.open(file)) {
      for (int first = 0; first < numbers.length; ) {
        int next = first + 1;
        while (next < numbers.length && numbers[next] == numbers[next - 1] + 1) {
          next++;
        }
        long from = (long) numbers[first] << CHUNK_SHIFT;
        long to = Math.min((long) (numbers[next - 1] + 1) << CHUNK_SHIFT, memoryBytes);
        pages.layOver(segment.asSlice(from, to - from), HEAD_BYTES + ((long) first << CHUNK_SHIFT));
        first = next;
      }
    }
    for (int i = 0; i < numbers.length; i++) {
      MemorySegment chunk = chunk(segment, numbers[i]);
      long offset = (long) numbers[i] << CHUNK_SHIFT;
      if (checksum(chunk.asByteBuffer()) != checksums[i]) {
        throw new LogFormatException(
            "memory at 0x%x of the mapping, byte %d of the file, does not have its checksum"
                .formatted(offset, HEAD_BYTES + ((long) i << CHUNK_SHIFT)));
      }
      for (long page = 0; page < chunk.byteSize(); page += GuestMemory.PAGE_SIZE) {
        memory.markDirty(offset + page);
      }
    }
  }

  private static MemorySegment chunk(MemorySegment memory, int number) {
    long offset = (long) number << CHUNK_SHIFT;
    return memory.asSlice(offset, Math.min(CHUNK_BYTES, memory.byteSize() - offset));
  }

  private static int checksum(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }
}

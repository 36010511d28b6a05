package dev.lockstep.vmm.boot;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The loadable parts of a 64-bit ELF file for x86-64 (System V ABI, "Object Files"; AMD64 supplement).
 *
 * @param entry the entry's address; physical, as the kernel's linker script makes it
 * @param segments the PT_LOAD segments that are not empty, ascending by physical address, not overlapping
 */
record ElfImage(long entry, List<Segment> segments) {

  /**
   * A PT_LOAD segment.
   *
   * @param offset of its bytes in the file
   * @param fileSize bytes in the file
   * @param physical where it goes
   * @param memorySize bytes in memory; what the file does not have is zero
   */
  record Segment(long offset, long fileSize, long physical, long memorySize) {
    long end() {
      return physical + memorySize;
    }
  }

  private static final int HEADER = 64;
  private static final int PROGRAM_HEADER = 56;
  private static final int MAX_PROGRAM_HEADERS = 256;
  private static final int CLASS_64 = 2;
  private static final int LITTLE_ENDIAN = 1;
  private static final int MACHINE_X86_64 = 62;
  private static final int TYPE_EXECUTABLE = 2;
  private static final int TYPE_SHARED = 3;
  private static final int PT_LOAD = 1;

  /** No guest-physical address is as high: keeps sums from overflowing. */
  private static final long MAX_ADDRESS = 1L << 52;

  /** Whether the bytes begin as an ELF file does. */
  static boolean begins(byte[] head) {
    return head.length >= 4
        && head[0] == 0x7f
        && head[1] == 'E'
        && head[2] == 'L'
        && head[3] == 'F';
  }

  long start() {
    return segments.getFirst().physical();
  }

  long end() {
    return segments.getLast().end();
  }

  /**
   * @throws BadImageException if it is not a whole 64-bit x86 executable
   */
  static ElfImage parse(ByteSource file) throws IOException {
    byte[] head = file.peek(0, HEADER);
    if (!begins(head)) {
      throw new BadImageException("it is not an ELF file");
    }
    if (head.length < HEADER) {
      throw new BadImageException("it ends within its ELF header");
    }
    ByteBuffer header = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    int type = header.getShort(16) & 0xffff;
    int machine = header.getShort(18) & 0xffff;
    if (head[4] != CLASS_64 || head[5] != LITTLE_ENDIAN || machine != MACHINE_X86_64) {
      throw new BadImageException(
          "it is not built for 64-bit x86 (ELF machine %d, class %d)".formatted(machine, head[4]));
    }
    if (type != TYPE_EXECUTABLE && type != TYPE_SHARED) {
      throw new BadImageException("it is not an executable (ELF type %d)".formatted(type));
    }
    return new ElfImage(header.getLong(24), segments(file, header));
  }

  private static List<Segment> segments(ByteSource file, ByteBuffer header) throws IOException {
    long at = header.getLong(32);
    int size = header.getShort(54) & 0xffff;
    int count = header.getShort(56) & 0xffff;
    if (size != PROGRAM_HEADER || count == 0 || count > MAX_PROGRAM_HEADERS) {
      throw new BadImageException("it has %d program headers of %d bytes".formatted(count, size));
    }
    if (at < 0 || at > file.size() - (long) count * PROGRAM_HEADER) {
      throw new BadImageException("it ends before its program headers");
    }
    ByteBuffer table =
        ByteBuffer.wrap(file.peek(at, count * PROGRAM_HEADER)).order(ByteOrder.LITTLE_ENDIAN);
    List<Segment> segments = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int base = i * PROGRAM_HEADER;
      if (table.getInt(base) == PT_LOAD && table.getLong(base + 40) != 0) {
        segments.add(
            checked(
                file,
                new Segment(
                    table.getLong(base + 8),
                    table.getLong(base + 32),
                    table.getLong(base + 24),
                    table.getLong(base + 40))));
      }
    }
    if (segments.isEmpty()) {
      throw new BadImageException("it has nothing to load");
    }
    segments.sort(Comparator.comparingLong(Segment::physical));
    for (int i = 1; i < segments.size(); i++) {
      if (segments.get(i).physical() < segments.get(i - 1).end()) {
        throw new BadImageException(
            "its segments overlap at %#x".formatted(segments.get(i).physical()));
      }
    }
    return List.copyOf(segments);
  }

  private static Segment checked(ByteSource file, Segment segment) throws BadImageException {
    long fileSize = segment.fileSize();
    if (segment.offset() < 0
        || fileSize < 0
        || segment.offset() > file.size()
        || fileSize > file.size() - segment.offset()) {
      throw new BadImageException(
          "it has %d bytes, its segment at %#x needs bytes %d to %d"
              .formatted(
                  file.size(), segment.physical(), segment.offset(), segment.offset() + fileSize));
    }
    if (segment.physical() < 0
        || segment.physical() > MAX_ADDRESS
        || segment.memorySize() < fileSize
        || segment.memorySize() > MAX_ADDRESS) {
      throw new BadImageException(
          "its segment at %#x has an impossible size of %#x"
              .formatted(segment.physical(), segment.memorySize()));
    }
    return segment;
  }
}

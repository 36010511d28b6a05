package dev.lockstep.vmm.boot;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Reads the section headers of a kernel's ELF file (System V ABI, "Sections"), which the loader itself has no need of. */
final class ElfSections {
  private static final int HEADER = 64;
  private static final int SECTION_HEADER = 64;
  private static final int MAX_NAMES = 1 << 20;
  private static final int TYPE_NOBITS = 8;
  private static final long FLAG_ALLOC = 2;
  private static final long FLAG_EXECUTABLE = 4;

  private ElfSections() {}

  /**
   * @return what was loaded of it; empty where the file has no section headers
   * @throws BadImageException if they do not fit the file
   */
  static KernelMap read(ByteSource file, ElfImage image) throws IOException {
    ByteBuffer header = buffer(file.peek(0, HEADER));
    long at = header.getLong(40);
    int count = header.getShort(60) & 0xffff;
    int names = header.getShort(62) & 0xffff;
    if (at == 0 || count == 0) {
      return new KernelMap(List.of());
    }
    int size = count * SECTION_HEADER;
    if ((header.getShort(58) & 0xffff) != SECTION_HEADER
        || names >= count
        || at < 0
        || at > file.size() - size) {
      throw new BadImageException("its section headers do not fit the file");
    }
    ByteBuffer table = buffer(file.peek(at, size));
    byte[] text = names(file, table, names * SECTION_HEADER);
    List<KernelMap.Section> sections = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int base = i * SECTION_HEADER;
      long flags = table.getLong(base + 8);
      long bytes = table.getLong(base + 32);
      if ((flags & FLAG_ALLOC) != 0 && table.getInt(base + 4) != TYPE_NOBITS && bytes > 0) {
        long physical = physical(image, table.getLong(base + 24), bytes);
        sections.add(
            new KernelMap.Section(
                name(text, table.getInt(base)),
                table.getLong(base + 16),
                physical,
                bytes,
                (flags & FLAG_EXECUTABLE) != 0));
      }
    }
    sections.sort(Comparator.comparingLong(KernelMap.Section::physical));
    return new KernelMap(sections);
  }

  private static byte[] names(ByteSource file, ByteBuffer table, int base) throws IOException {
    long offset = table.getLong(base + 24);
    long size = table.getLong(base + 32);
    if (offset < 0 || size < 0 || size > MAX_NAMES || offset > file.size() - size) {
      throw new BadImageException("the names of its sections do not fit the file");
    }
    return file.peek(offset, (int) size);
  }

  /** Where the segment that holds these bytes of the file was loaded. */
  private static long physical(ElfImage image, long offset, long size) throws BadImageException {
    for (ElfImage.Segment segment : image.segments()) {
      long within = offset - segment.offset();
      if (within >= 0 && within <= segment.fileSize() - size) {
        return segment.physical() + within;
      }
    }
    throw new BadImageException(
        "its section at offset %#x belongs to none of its segments".formatted(offset));
  }

  private static String name(byte[] text, int at) {
    int end = at;
    while (end >= 0 && end < text.length && text[end] != 0) {
      end++;
    }
    return at < 0 || at > text.length
        ? ""
        : new String(text, at, end - at, StandardCharsets.ISO_8859_1);
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}

package dev.lockstep.vmm.boot;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import dev.lockstep.vmm.boot.unpack.Compression;
import dev.lockstep.vmm.boot.unpack.SourceInput;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Reads an initrd as the kernel will (Documentation/driver-api/early-userspace/buffer-format.rst): cpio archives in
 * the newc format, each perhaps packed, with zeros between them. A kernel that meets a damaged one goes on with
 * half of it; here it is an error before the machine starts.
 */
final class InitrdCheck {
  private static final int CPIO_HEADER = 110;
  private static final int MAX_NAME = 4096;
  private static final String TRAILER = "TRAILER!!!";

  private final long maxUnpacked;
  private long unpacked;

  private InitrdCheck(long maxUnpacked) {
    this.maxUnpacked = maxUnpacked;
  }

  /**
   * @param maxUnpacked most bytes that its files may have together
   * @throws BadImageException if it is not an initrd, is cut short or damaged, or unpacks to more
   */
  static void check(ByteSource initrd, long maxUnpacked) throws IOException {
    if (initrd.size() == 0) {
      throw new BadImageException("it is empty");
    }
    if (!isFileSystem(initrd)) {
      new InitrdCheck(maxUnpacked).archives(new SourceInput(initrd));
    }
  }

  private void archives(SourceInput input) throws IOException {
    int found = 0;
    while (skipZeros(input)) {
      long start = input.position();
      byte[] head = input.source().peek(start, Compression.MAX_MAGIC);
      Compression packed = Compression.detect(head);
      if (packed != null) {
        packedArchives(input, packed);
      } else if (beginsCpio(head)) {
        archive(input);
      } else {
        throw new BadImageException(
            found == 0 && start == 0
                ? "it begins like neither a cpio archive (newc), nor one packed with gzip, bzip2, lzma, xz, lzo, lz4 (legacy) or zstd, nor a file system image"
                : "what follows at byte %d is neither a cpio archive nor a packed one"
                    .formatted(start));
      }
      found++;
    }
    if (found == 0) {
      throw new BadImageException("it has nothing but zeros");
    }
  }

  private void packedArchives(SourceInput input, Compression packed) throws IOException {
    long start = input.position();
    try (InputStream stream = packed.open(input)) {
      int found = 0;
      for (int next = stream.read(); next >= 0; next = stream.read()) {
        if (next != 0) {
          archive(stream, next);
          found++;
        }
      }
      if (found == 0) {
        throw new BadImageException("its %s data has no archive".formatted(packed.label()));
      }
    } catch (BadImageException e) {
      throw e;
    } catch (EOFException e) {
      throw new BadImageException(
          "it is cut short within the %s data that begins at byte %d"
              .formatted(packed.label(), start),
          e);
    } catch (IOException e) {
      throw new BadImageException(
          "the %s data that begins at byte %d is damaged: %s"
              .formatted(packed.label(), start, e.getMessage()),
          e);
    }
  }

  private void archive(SourceInput input) throws IOException {
    long start = input.position();
    try {
      archive(input, input.read());
    } catch (EOFException e) {
      throw new BadImageException(
          "it is cut short within the cpio archive that begins at byte %d".formatted(start), e);
    }
  }

  /** One archive up to and with its trailer; {@code first} is its first byte. */
  private void archive(InputStream stream, int first) throws IOException {
    byte[] header = new byte[CPIO_HEADER];
    header[0] = (byte) first;
    int have = 1;
    while (true) {
      requireBytes(stream, header, have, CPIO_HEADER - have);
      have = 0;
      if (!beginsCpio(header)) {
        throw new BadImageException("a cpio header is damaged (only the newc format is known)");
      }
      long nameSize = field(header, 11);
      long fileSize = field(header, 6);
      if (nameSize < 1 || nameSize > MAX_NAME) {
        throw new BadImageException("a cpio header has a name of %d bytes".formatted(nameSize));
      }
      byte[] name = new byte[(int) nameSize];
      requireBytes(stream, name, 0, name.length);
      if (new String(name, 0, name.length - 1, StandardCharsets.ISO_8859_1).equals(TRAILER)) {
        return;
      }
      unpacked += fileSize;
      if (unpacked > maxUnpacked) {
        throw new BadImageException(
            "its files need more than the machine's memory of %d MiB"
                .formatted(maxUnpacked >>> 20));
      }
      stream.skipNBytes(padding(CPIO_HEADER + nameSize) + fileSize + padding(fileSize));
    }
  }

  private static void requireBytes(InputStream stream, byte[] into, int from, int length)
      throws IOException {
    if (stream.readNBytes(into, from, length) < length) {
      throw new EOFException();
    }
  }

  /** Members begin at multiples of four. */
  private static long padding(long size) {
    return -size & 3;
  }

  private static boolean beginsCpio(byte[] head) {
    // The sixth digit: 1 without, 2 with a sum over each file.
    return head.length >= 6
        && new String(head, 0, 5, StandardCharsets.ISO_8859_1).equals("07070")
        && (head[5] == '1' || head[5] == '2');
  }

  /** One of the 13 fields behind the magic, each of 8 hexadecimal digits. */
  private static long field(byte[] header, int index) throws BadImageException {
    String digits = new String(header, 6 + 8 * index, 8, StandardCharsets.ISO_8859_1);
    try {
      return Long.parseLong(digits, 16);
    } catch (NumberFormatException e) {
      throw new BadImageException("a cpio header has a field that is no number", e);
    }
  }

  private static boolean skipZeros(SourceInput input) throws IOException {
    while (true) {
      long at = input.position();
      int next = input.read();
      if (next != 0) {
        input.seek(at);
        return next > 0;
      }
    }
  }

  /** A file system for /dev/ram0: what the kernel looks for (init/do_mounts_rd.c), with its size where that is easy to tell. */
  private static boolean isFileSystem(ByteSource initrd) throws IOException {
    ByteBuffer head = ByteBuffer.wrap(initrd.peek(0, 2048)).order(ByteOrder.LITTLE_ENDIAN);
    if (head.limit() >= 48 && head.getInt(0) == 0x73717368) { // squashfs
      requireSize(initrd, head.getLong(40));
      return true;
    }
    if (head.limit() >= 1024 + 60
        && (head.getShort(1024 + 56) & 0xffff) == 0xef53) { // ext2 to ext4
      long blocks = head.getInt(1024 + 4) & 0xffff_ffffL;
      requireSize(initrd, blocks << Math.min(10 + (head.getInt(1024 + 24) & 0xff), 16));
      return true;
    }
    return head.limit() >= 8
        && (head.getInt(0) == 0x28cd3d45 // cramfs
            || head.getLong(0) == 0x2d3173666d6f722dL); // romfs: "-rom1fs-"
  }

  private static void requireSize(ByteSource initrd, long size) throws BadImageException {
    if (size > initrd.size()) {
      throw new BadImageException(
          "it is cut short: the file system in it has %d bytes, the file %d"
              .formatted(size, initrd.size()));
    }
  }
}

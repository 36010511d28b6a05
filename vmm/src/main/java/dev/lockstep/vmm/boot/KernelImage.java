package dev.lockstep.vmm.boot;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import dev.lockstep.vmm.boot.unpack.Compression;
import dev.lockstep.vmm.boot.unpack.SourceInput;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A kernel, unpacked and taken apart.
 *
 * @param format for people
 * @param header the file's own setup header, or one made for a vmlinux
 * @param content what the ELF's offsets refer to
 * @param elf the kernel proper
 */
record KernelImage(String format, SetupHeader header, ByteSource content, ElfImage elf) {
  private static final int HEAD = 1024;

  /** Bounds what a payload may claim to unpack to; distribution kernels are around 60 MB. */
  private static final long MAX_UNPACKED = 512L << 20;

  /** What packed payloads shorter than this cannot be: they end with the 32-bit size of the unpacked kernel. */
  private static final int MIN_PAYLOAD = 16;

  /**
   * @throws BadImageException if it is not a kernel that can be booted, saying why
   */
  static KernelImage read(ByteSource file) throws IOException {
    byte[] head = file.peek(0, HEAD);
    if (ElfImage.begins(head)) {
      return new KernelImage("vmlinux", SetupHeader.synthetic(), file, ElfImage.parse(file));
    }
    if (SetupHeader.begins(head)) {
      return unpack(file);
    }
    Compression packed = Compression.detect(head);
    if (packed != null) {
      throw new BadImageException(
          "it is a file packed with %s, neither a bzImage nor a vmlinux; unpack it first"
              .formatted(packed.label()));
    }
    throw new BadImageException(
        file.size() == 0 ? "it is empty" : "it begins like neither a bzImage nor an ELF vmlinux");
  }

  private static KernelImage unpack(ByteSource file) throws IOException {
    SetupHeader header = SetupHeader.read(file);
    long start = header.payloadStart();
    long length = header.payloadLength();
    if (length < MIN_PAYLOAD) {
      throw new BadImageException("its setup header names no payload");
    }
    if (start > file.size() - length) {
      throw new BadImageException(
          "it is cut short: the payload needs bytes %d to %d of a file of %d"
              .formatted(start, start + length, file.size()));
    }
    ByteSource payload = file.slice(start, length);
    byte[] head = payload.peek(0, Compression.MAX_MAGIC);
    if (ElfImage.begins(head)) {
      return of(header, "not packed", payload);
    }
    Compression packed = Compression.detect(head);
    if (packed == null) {
      throw new BadImageException("its payload is packed in a way that Linux does not know");
    }
    byte[] unpacked;
    try {
      unpacked = unpack(payload, packed);
    } catch (BadImageException e) {
      throw e;
    } catch (EOFException e) {
      throw new BadImageException("its %s payload ends early".formatted(packed.label()), e);
    } catch (IOException e) {
      throw new BadImageException(
          "its %s payload cannot be unpacked: %s".formatted(packed.label(), e.getMessage()), e);
    }
    return of(header, packed.label(), ByteSource.of(unpacked));
  }

  private static KernelImage of(SetupHeader header, String packing, ByteSource content)
      throws IOException {
    String format = "bzImage %s, %s".formatted(header.versionText(), packing);
    try {
      return new KernelImage(format, header, content, ElfImage.parse(content));
    } catch (BadImageException e) {
      throw new BadImageException("of its payload: " + e.getMessage(), e);
    }
  }

  /**
   * The unpacked size stands in the payload's last four bytes: as gzip's own trailer, else appended by the
   * kernel's build.
   */
  private static byte[] unpack(ByteSource payload, Compression packed) throws IOException {
    long end = payload.size() - Integer.BYTES;
    long size =
        ByteBuffer.wrap(payload.peek(end, Integer.BYTES)).order(ByteOrder.LITTLE_ENDIAN).getInt()
            & 0xffff_ffffL;
    if (size == 0 || size > MAX_UNPACKED) {
      throw new BadImageException(
          "its payload claims to unpack to %d bytes; at most %d are taken"
              .formatted(size, MAX_UNPACKED));
    }
    ByteSource data = packed == Compression.GZIP ? payload : payload.slice(0, end);
    byte[] unpacked;
    try (InputStream stream = packed.open(new SourceInput(data))) {
      // Takes memory as bytes come, so that a claim alone does not cost any.
      unpacked = stream.readNBytes((int) size);
      if (unpacked.length < size) {
        throw new BadImageException(
            "its payload unpacks to %d bytes instead of %d".formatted(unpacked.length, size));
      }
      if (stream.read() >= 0) {
        throw new BadImageException("its payload unpacks to more than %d bytes".formatted(size));
      }
    }
    return unpacked;
  }
}

package dev.lockstep.vmm.boot;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Small kernels and initramfs images. */
final class Images {
  static final long ENTRY = 0x100_0000L;

  private Images() {}

  /** Fresh memory of a machine; collected with it. */
  static GuestMemory memory(long mebibytes) {
    long bytes = mebibytes << 20;
    return new GuestMemory(memorySegment(bytes), MachineLayout.memoryRegions(bytes));
  }

  private static MemorySegment memorySegment(long bytes) {
    return Arena.ofAuto().allocate(bytes, 4096);
  }

  /** Text-like bytes that every packer finds matches, runs and literals in. */
  static byte[] content(int size, long seed) {
    Random random = new Random(seed);
    byte[] bytes = new byte[size];
    int at = 0;
    while (at < size) {
      int kind = random.nextInt(4);
      int length = Math.min(size - at, 1 + random.nextInt(kind == 3 ? 5000 : 60));
      for (int i = 0; i < length; i++, at++) {
        bytes[at] =
            switch (kind) {
              case 0 -> (byte) random.nextInt(256);
              case 1 -> (byte) ('a' + random.nextInt(6));
              case 2 -> at > 2000 ? bytes[at - 1 - random.nextInt(3) - length] : 7;
              default -> (byte) kind;
            };
      }
    }
    return bytes;
  }

  /** An ELF vmlinux with a text segment, and a data segment with room for zeros behind it. */
  static byte[] elf(byte[] text, byte[] data) {
    int textOffset = 0x1000;
    int dataOffset = textOffset + text.length;
    ByteBuffer elf = ByteBuffer.allocate(dataOffset + data.length).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
    elf.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
    elf.putLong(24, ENTRY).putLong(32, 64);
    elf.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 3);
    long dataAt = ENTRY + (text.length + 0xfff & -0x1000);
    // Out of order, with a PT_NOTE (4) between.
    programHeader(elf, 64, 1, dataOffset, dataAt, data.length, data.length + 0x3000);
    programHeader(elf, 64 + 56, 4, 0x40, 0, 16, 16);
    programHeader(elf, 64 + 112, 1, textOffset, ENTRY, text.length, text.length);
    elf.put(textOffset, text).put(dataOffset, data);
    return elf.array();
  }

  private static void programHeader(
      ByteBuffer elf, int at, int type, int offset, long physical, int fileSize, int memorySize) {
    elf.putInt(at, type).putInt(at + 4, 7).putLong(at + 8, offset);
    elf.putLong(at + 16, 0xffff_ffff_8000_0000L + physical).putLong(at + 24, physical);
    elf.putLong(at + 32, fileSize).putLong(at + 40, memorySize).putLong(at + 48, 0x1000);
  }

  /**
   * A bzImage around a payload.
   *
   * @param payload packed, with its size at the end
   */
  static byte[] bzImage(byte[] payload) {
    int setupSectors = 3;
    int payloadOffset = 0x123;
    int start = (setupSectors + 1) * 512 + payloadOffset;
    ByteBuffer image =
        ByteBuffer.allocate(start + payload.length + 99).order(ByteOrder.LITTLE_ENDIAN);
    image.put(0, new byte[] {'M', 'Z'});
    image.put(0x1f1, (byte) setupSectors).putShort(0x1fe, (short) 0xaa55);
    image.put(0x200, (byte) 0xeb).put(0x201, (byte) (0x26c - 0x202));
    image.put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII)).putShort(0x206, (short) 0x20f);
    image.putInt(0x22c, 0x7fff_ffff).putInt(0x230, 0x20_0000);
    image.putShort(0x236, (short) 0x3f).putInt(0x238, 2047);
    image.putInt(0x248, payloadOffset).putInt(0x24c, payload.length);
    image.putLong(0x258, ENTRY).putInt(0x260, 0x20_0000);
    image.putInt(0x280, 0x12345678); // code behind the header: not for boot_params
    image.put(start, payload);
    return image.array();
  }

  /** Appends the unpacked size, as the kernel's build does for every packer but gzip. */
  static byte[] withSize(byte[] packed, int size) {
    return ByteBuffer.allocate(packed.length + 4)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(packed)
        .putInt(size)
        .array();
  }

  /** A newc archive with one file of each content, and a trailer. */
  static byte[] cpio(byte[]... files) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < files.length; i++) {
      member(out, "file" + i, files[i]);
    }
    member(out, "TRAILER!!!", new byte[0]);
    return out.toByteArray();
  }

  private static void member(ByteArrayOutputStream out, String name, byte[] content) {
    String header =
        "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
            .formatted(1, 0100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length() + 1, 0);
    out.writeBytes((header + name + "\0").getBytes(StandardCharsets.US_ASCII));
    pad(out);
    out.writeBytes(content);
    pad(out);
  }

  private static void pad(ByteArrayOutputStream out) {
    while (out.size() % 4 != 0) {
      out.write(0);
    }
  }

  /**
   * Runs a packer over bytes.
   *
   * @return null if the program is not installed
   */
  static byte @org.jspecify.annotations.Nullable [] pack(byte[] bytes, List<String> command)
      throws IOException, InterruptedException {
    Path in = Files.createTempFile("lockstep", ".in");
    Path out = Files.createTempFile("lockstep", ".out");
    try {
      Files.write(in, bytes);
      Process process =
          new ProcessBuilder(command)
              .redirectInput(in.toFile())
              .redirectOutput(out.toFile())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      if (process.waitFor() != 0) {
        throw new IOException(command + " failed");
      }
      return Files.readAllBytes(out);
    } catch (IOException e) {
      if (String.valueOf(e.getMessage()).contains("Cannot run program")) {
        return null;
      }
      throw e;
    } finally {
      Files.delete(in);
      Files.delete(out);
    }
  }

  /** Writes a file with the parts one after another. */
  static Path write(Path file, byte[]... parts) throws IOException {
    try (OutputStream out = Files.newOutputStream(file)) {
      for (byte[] part : parts) {
        out.write(part);
      }
    }
    return file;
  }
}

package dev.lockstep.vmm.boot;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The setup header of the Linux boot protocol (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel
 * Header"): bytes 0x1f1 and following of a bzImage, and of {@code struct boot_params}. Offsets here are
 * those of the documentation, from the begin of either.
 */
final class SetupHeader {
  /** First byte of the header. */
  static final int START = 0x1f1;

  /** First byte in {@code boot_params} that does not belong to the header's room. */
  static final int LIMIT = 0x290;

  private static final int SETUP_SECTS = 0x1f1;
  private static final int ROOT_FLAGS = 0x1f2;
  private static final int BOOT_FLAG = 0x1fe;
  private static final int JUMP_OFFSET = 0x201;
  private static final int HEADER = 0x202;
  private static final int VERSION = 0x206;
  private static final int TYPE_OF_LOADER = 0x210;
  private static final int LOADFLAGS = 0x211;
  private static final int RAMDISK_IMAGE = 0x218;
  private static final int RAMDISK_SIZE = 0x21c;
  private static final int CMD_LINE_PTR = 0x228;
  private static final int INITRD_ADDR_MAX = 0x22c;
  private static final int KERNEL_ALIGNMENT = 0x230;
  private static final int XLOADFLAGS = 0x236;
  private static final int CMDLINE_SIZE = 0x238;
  private static final int PAYLOAD_OFFSET = 0x248;
  private static final int PAYLOAD_LENGTH = 0x24c;
  private static final int SETUP_DATA = 0x250;

  private static final int BOOT_FLAG_VALUE = 0xaa55;
  private static final int HEADER_MAGIC = 0x53726448; // "HdrS"
  private static final int SECTOR = 512;

  /** Loader "undefined" (0xff): we have no number of our own. */
  private static final int LOADER_UNDEFINED = 0xff;

  /** loadflags: the protected-mode code is loaded at 1 MiB. */
  private static final int LOADED_HIGH = 1;

  /** xloadflags: the kernel has the 64-bit entry point. */
  private static final int XLF_KERNEL_64 = 1;

  /** First version with the payload's place in the header. */
  private static final int VERSION_PAYLOAD = 0x208;

  /** First version with {@link #XLOADFLAGS}. */
  private static final int VERSION_XLOADFLAGS = 0x20c;

  /** COMMAND_LINE_SIZE of x86 without its final zero, for a kernel that comes without a header. */
  private static final int DEFAULT_COMMAND_LINE = 2047;

  private final byte[] bytes;
  private final ByteBuffer view;

  private SetupHeader(byte[] bytes) {
    this.bytes = bytes;
    this.view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Whether the file begins as a bzImage does. */
  static boolean begins(byte[] head) {
    if (head.length < HEADER + 4) {
      return false;
    }
    ByteBuffer view = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
    return (view.getShort(BOOT_FLAG) & 0xffff) == BOOT_FLAG_VALUE
        && view.getInt(HEADER) == HEADER_MAGIC;
  }

  /**
   * The header of a bzImage.
   *
   * @throws BadImageException if it is too old, not 64-bit, or cut short
   */
  static SetupHeader read(ByteSource file) throws IOException {
    byte[] head = file.peek(0, LIMIT);
    if (head.length < LIMIT) {
      throw new BadImageException("it ends within its setup header");
    }
    SetupHeader header = new SetupHeader(head);
    if (header.version() < VERSION_PAYLOAD) {
      throw new BadImageException(
          "its boot protocol is %s, older than 2.08 (Linux 2.6.26)"
              .formatted(header.versionText()));
    }
    if (header.version() >= VERSION_XLOADFLAGS
        && (header.view.getShort(XLOADFLAGS) & XLF_KERNEL_64) == 0) {
      throw new BadImageException("it is a 32-bit kernel");
    }
    // The header ends where the jump in front of it goes to; what follows is code.
    int end = Math.min(HEADER + (head[JUMP_OFFSET] & 0xff), LIMIT);
    byte[] kept = new byte[LIMIT];
    System.arraycopy(head, START, kept, START, end - START);
    return new SetupHeader(kept);
  }

  /** A header for a kernel that comes as a plain vmlinux, with what such kernels have in theirs. */
  static SetupHeader synthetic() {
    SetupHeader header = new SetupHeader(new byte[LIMIT]);
    header.view.putShort(BOOT_FLAG, (short) BOOT_FLAG_VALUE);
    header.view.putInt(HEADER, HEADER_MAGIC);
    header.view.putShort(VERSION, (short) VERSION_XLOADFLAGS);
    header.view.putShort(ROOT_FLAGS, (short) 1); // mount the root read-only, as by "ro"
    header.view.put(LOADFLAGS, (byte) LOADED_HIGH);
    header.view.putInt(INITRD_ADDR_MAX, 0x7fff_ffff);
    header.view.putInt(KERNEL_ALIGNMENT, 0x100_0000);
    header.view.putShort(XLOADFLAGS, (short) XLF_KERNEL_64);
    header.view.putInt(CMDLINE_SIZE, DEFAULT_COMMAND_LINE);
    return header;
  }

  int version() {
    return view.getShort(VERSION) & 0xffff;
  }

  String versionText() {
    return "%d.%02d".formatted(version() >>> 8, version() & 0xff);
  }

  /** Most characters of a command line, without the final zero. */
  long maxCommandLine() {
    return unsigned(CMDLINE_SIZE);
  }

  /** Last address that an initrd may have. */
  long maxInitrdAddress() {
    return unsigned(INITRD_ADDR_MAX);
  }

  /** Where the packed kernel begins in the file. */
  long payloadStart() {
    int sectors = bytes[SETUP_SECTS] & 0xff;
    // Zero stands for four, for the sake of very old kernels.
    return (long) ((sectors == 0 ? 4 : sectors) + 1) * SECTOR + unsigned(PAYLOAD_OFFSET);
  }

  /** Bytes of the packed kernel. */
  long payloadLength() {
    return unsigned(PAYLOAD_LENGTH);
  }

  /** The header as the boot loader hands it on: bytes {@link #START} to {@link #LIMIT} of boot_params. */
  byte[] forKernel(long commandLine, long initrd, long initrdSize, long setupData) {
    byte[] copy = bytes.clone();
    ByteBuffer out = ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
    out.put(TYPE_OF_LOADER, (byte) LOADER_UNDEFINED);
    out.put(LOADFLAGS, (byte) (bytes[LOADFLAGS] | LOADED_HIGH));
    out.putInt(CMD_LINE_PTR, (int) commandLine);
    out.putInt(RAMDISK_IMAGE, (int) initrd);
    out.putInt(RAMDISK_SIZE, (int) initrdSize);
    out.putLong(SETUP_DATA, setupData);
    byte[] result = new byte[LIMIT - START];
    System.arraycopy(copy, START, result, 0, result.length);
    return result;
  }

  private long unsigned(int offset) {
    return view.getInt(offset) & 0xffff_ffffL;
  }
}

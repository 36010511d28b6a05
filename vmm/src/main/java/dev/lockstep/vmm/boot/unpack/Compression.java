package dev.lockstep.vmm.boot.unpack;

import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.SingleXZInputStream;

/** How a kernel's payload or an initramfs may be packed: all that Linux offers (lib/decompress.c). */
public enum Compression {
  /** RFC 1952. */
  GZIP("gzip", 0x1f, 0x8b),
  /** bzip2 0.9 and later. */
  BZIP2("bzip2", 'B', 'Z', 'h'),
  /** The .lzma format of LZMA utilities ("lzma alone"): a properties byte, then the dictionary's size. */
  LZMA("lzma", 0x5d, 0x00, 0x00),
  /** The .xz format with LZMA2, after an x86 branch filter in kernels. */
  XZ("xz", 0xfd, '7', 'z', 'X', 'Z', 0x00),
  /** LZO1X in the container of lzop. */
  LZO("lzo", 0x89, 'L', 'Z', 'O', 0x00, 0x0d, 0x0a, 0x1a, 0x0a),
  /** LZ4's legacy frame, the only one Linux takes. */
  LZ4("lz4", 0x02, 0x21, 0x4c, 0x18),
  /** RFC 8878. */
  ZSTD("zstd", 0x28, 0xb5, 0x2f, 0xfd);

  /** Most bytes of any {@link #magic}. */
  public static final int MAX_MAGIC = 9;

  /** Bound on the working memory that packed data may ask for, in KiB. */
  private static final int MAX_MEMORY_KIBIBYTES = 512 * 1024;

  private final String label;
  private final int[] magic;

  Compression(String label, int... magic) {
    this.label = label;
    this.magic = magic;
  }

  /** The name in messages. */
  public String label() {
    return label;
  }

  /** Which packing begins with these bytes, null for none. */
  public static @Nullable Compression detect(byte[] head) {
    for (Compression compression : values()) {
      if (compression.begins(head)) {
        return compression;
      }
    }
    return null;
  }

  /**
   * Unpacks the stream that begins at the input's position. At the unpacked stream's end the input stands
   * right behind the packed data; {@link #LZ4} has no end mark and goes on as long as blocks follow.
   *
   * @throws IOException if the packed data's header is damaged; the stream throws for the rest
   */
  public InputStream open(SourceInput input) throws IOException {
    return switch (this) {
      case GZIP -> new GzipInput(input);
      case BZIP2 -> new Bzip2Input(input);
      case LZMA -> new LZMAInputStream(input, MAX_MEMORY_KIBIBYTES);
      case XZ -> new SingleXZInputStream(input, MAX_MEMORY_KIBIBYTES);
      case LZO -> new LzopInput(input);
      case LZ4 -> new Lz4LegacyInput(input);
      case ZSTD -> ZstdFrame.open(input);
    };
  }

  private boolean begins(byte[] head) {
    if (head.length < magic.length) {
      return false;
    }
    for (int i = 0; i < magic.length; i++) {
      if ((head[i] & 0xff) != magic[i]) {
        return false;
      }
    }
    return true;
  }
}

package dev.lockstep.vmm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import dev.lockstep.vmm.boot.unpack.Compression;
import dev.lockstep.vmm.boot.unpack.SourceInput;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every packing that Linux offers, as its own programs write it. */
final class UnpackTest {
  private static final long SEED = 20_26;

  /** The packing, and the kernel's command for it (scripts/Makefile.lib) as well as variations. */
  static Stream<Arguments> packers() {
    return Stream.of(
        packer(Compression.GZIP, "gzip", "-n", "-f", "-9", "-c"),
        packer(Compression.GZIP, "gzip", "-1", "-c"),
        packer(Compression.BZIP2, "bzip2", "-9", "-c"),
        packer(Compression.BZIP2, "bzip2", "-1", "-c"),
        packer(Compression.LZMA, "xz", "--format=lzma", "-9", "-c"),
        packer(Compression.XZ, "xz", "--check=crc32", "--x86", "--lzma2=dict=32MiB", "-c"),
        packer(Compression.XZ, "xz", "--check=crc32", "--lzma2=dict=1MiB", "-c"),
        packer(Compression.LZO, "lzop", "-9", "-c"),
        packer(Compression.LZO, "lzop", "-1", "-c"),
        packer(Compression.LZO, "lzop", "-3", "--crc32", "-c"),
        packer(Compression.LZ4, "lz4", "-l", "-9", "-c"),
        packer(Compression.LZ4, "lz4", "-l", "-1", "-c"),
        packer(Compression.ZSTD, "zstd", "-22", "--ultra", "-c"),
        packer(Compression.ZSTD, "zstd", "-1", "--no-check", "-c"));
  }

  private static Arguments packer(Compression compression, String... command) {
    return Arguments.of(compression, List.of(command));
  }

  @ParameterizedTest
  @MethodSource("packers")
  void unpacksAndStopsWhereThePackedDataEnds(Compression compression, List<String> command)
      throws Exception {
    for (int size : new int[] {1, 100, 70_000, 1_234_567}) {
      byte[] content = Images.content(size, SEED + size);
      byte[] packed = packed(content, command);
      assertThat(Compression.detect(packed)).isEqualTo(compression);
      // LZ4's legacy frame has no end but the source's, or zeros.
      byte[] after = {0, 0, 0, 0, 'a', 'b', 'c'};
      byte[] file = Arrays.copyOf(packed, packed.length + after.length);
      System.arraycopy(after, 0, file, packed.length, after.length);
      SourceInput input = new SourceInput(ByteSource.of(file));
      try (InputStream stream = compression.open(input)) {
        assertThat(Arrays.equals(stream.readAllBytes(), content)).as("%d bytes", size).isTrue();
      }
      assertThat(input.position()).as("end of %d bytes", size).isEqualTo(packed.length);
    }
  }

  @ParameterizedTest
  @MethodSource("packers")
  void saysThatDataEndsEarly(Compression compression, List<String> command) throws Exception {
    byte[] packed = packed(Images.content(50_000, SEED), command);
    for (int length = 5; length < packed.length; length += 1 + length / 3) {
      byte[] cut = Arrays.copyOf(packed, length);
      assertThatThrownBy(() -> unpack(compression, cut))
          .as("%d of %d bytes", length, packed.length)
          .isInstanceOf(compression == Compression.LZ4 ? IOException.class : EOFException.class);
    }
  }

  /** Damage anywhere is an error or goes unnoticed, but never another exception nor an endless loop. */
  @ParameterizedTest
  @MethodSource("packers")
  void survivesDamage(Compression compression, List<String> command) throws Exception {
    byte[] content = Images.content(5_000, SEED);
    byte[] packed = packed(content, command);
    Random random = new Random(SEED);
    int noticed = 0;
    int rounds = 300;
    for (int round = 0; round < rounds; round++) {
      byte[] damaged = packed.clone();
      int at = compression == Compression.LZ4 ? 4 : 3;
      at += random.nextInt(damaged.length - at);
      damaged[at] ^= (byte) (1 << random.nextInt(8));
      try {
        byte[] got = unpack(compression, damaged);
        noticed += Arrays.equals(got, content) ? 1 : 0;
      } catch (IOException e) {
        noticed++;
      }
    }
    boolean summed = compression != Compression.LZMA && compression != Compression.LZ4;
    if (summed && !command.contains("--no-check")) {
      assertThat(noticed).as("seed %d", SEED).isEqualTo(rounds);
    }
  }

  private static byte[] unpack(Compression compression, byte[] packed) throws IOException {
    try (InputStream stream = compression.open(new SourceInput(ByteSource.of(packed)))) {
      return stream.readNBytes(1 << 22);
    }
  }

  private static byte[] packed(byte[] content, List<String> command) throws Exception {
    byte[] packed = Images.pack(content, command);
    assumeTrue(packed != null, "SKIPPED: the program " + command.getFirst() + " is not installed");
    return packed == null ? new byte[0] : packed;
  }
}

package dev.lockstep.vmm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.vmm.boot.unpack.ByteSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole initramfs images are taken in every form that Linux takes; cut and damaged ones are refused. */
final class InitrdTest {
  private static final long MEMORY = 64 << 20;
  private static final byte[] CPIO =
      Images.cpio(Images.content(3_000, 1), new byte[0], Images.content(20_001, 2));

  @Test
  void takesArchivesOneAfterAnotherWithZerosBetween() {
    accepts(CPIO);
    accepts(CPIO, new byte[512 - CPIO.length % 512]);
    accepts(CPIO, new byte[400], CPIO, new byte[3]);
  }

  @Test
  void refusesACutArchive() {
    for (int length = 1; length < CPIO.length; length += 1 + length / 5) {
      byte[] cut = Arrays.copyOf(CPIO, length);
      refuses(length < 6 ? "begins like neither" : "cut short", cut);
    }
    refuses(
        "cut short within the cpio archive that begins at byte " + CPIO.length,
        CPIO,
        Arrays.copyOf(CPIO, 5000));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gzip -9 -c",
        "bzip2 -9 -c",
        "xz --format=lzma -9 -c",
        "xz --check=crc32 --lzma2=dict=1MiB -c",
        "lzop -9 -c",
        "lz4 -l -9 -c",
        "zstd -19 -c"
      })
  void takesPackedArchives(String command) throws Exception {
    List<String> words = List.of(command.split(" "));
    byte[] packed = Images.pack(CPIO, words);
    assumeTrue(packed != null, "SKIPPED: the program " + words.getFirst() + " is not installed");
    if (packed == null) {
      return;
    }
    accepts(packed);
    accepts(packed, new byte[4]);
    // As distributions do: microcode first, not packed, then the rest.
    accepts(CPIO, new byte[100], packed);
    accepts(packed, new byte[4], packed);
    for (int length = 10; length < packed.length; length += 1 + length / 3) {
      refuses("cut short within the", Arrays.copyOf(packed, length));
    }
    byte[] half = Images.pack(Arrays.copyOf(CPIO, CPIO.length / 2), words);
    refuses("cut short within the", half == null ? new byte[0] : half);
  }

  @Test
  void refusesWhatIsNoInitrd() {
    refuses("begins like neither a cpio archive", ascii("root:x:0:0:root:/root:/bin/bash\n"));
    refuses("is empty", new byte[0]);
    refuses("nothing but zeros", new byte[1000]);
    refuses("what follows at byte", CPIO, ascii("what follows"));
    refuses("begins like neither", ascii("070707 is the old portable format"));
    // The modern lz4 frame, which Linux does not take.
    refuses("begins like neither", new byte[] {4, 0x22, 0x4d, 0x18, 0x64, 0x40});
  }

  @Test
  void refusesFilesThatDoNotFitIntoMemory() {
    byte[] header = Arrays.copyOf(CPIO, 120);
    System.arraycopy(ascii("7fffffff"), 0, header, 6 + 6 * 8, 8);
    refuses("more than the machine's memory of 64 MiB", header);
    System.arraycopy(ascii("7ffffffg"), 0, header, 6 + 6 * 8, 8);
    refuses("a field that is no number", header);
  }

  @Test
  void takesFileSystems() {
    ByteBuffer ext = ByteBuffer.allocate(64 * 1024).order(ByteOrder.LITTLE_ENDIAN);
    ext.putInt(1024 + 4, 64).putInt(1024 + 24, 0).putShort(1024 + 56, (short) 0xef53);
    accepts(ext.array());
    refuses(
        "the file system in it has 65536 bytes, the file 60000",
        Arrays.copyOf(ext.array(), 60_000));
    ByteBuffer squash = ByteBuffer.allocate(8192).order(ByteOrder.LITTLE_ENDIAN);
    squash.putInt(0, 0x73717368).putLong(40, 8000);
    accepts(squash.array());
    refuses("cut short", Arrays.copyOf(squash.array(), 7000));
  }

  private static void accepts(byte[]... parts) {
    assertThatCode(() -> InitrdCheck.check(join(parts), MEMORY)).doesNotThrowAnyException();
  }

  private static void refuses(String words, byte[]... parts) {
    assertThatThrownBy(() -> InitrdCheck.check(join(parts), MEMORY))
        .isInstanceOf(BadImageException.class)
        .hasMessageContaining(words);
  }

  private static ByteSource join(byte[]... parts) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.write(part);
    }
    assertThat(all.size()).isEqualTo(Arrays.stream(parts).mapToInt(part -> part.length).sum());
    return ByteSource.of(all.toByteArray());
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

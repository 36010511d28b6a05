package dev.lockstep.vmm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot be booted is refused before the machine starts, with the file's name and advice. */
final class BadBootInputTest {
  private static final byte[] ELF =
      Images.elf(Images.content(100_001, 1), Images.content(30_000, 2));

  /** Where the ELF's program headers are: data, note, text. */
  private static final int DATA_HEADER = 64;

  @TempDir Path folder;

  @Test
  void refusesWhatIsNoKernel() throws IOException {
    refusesKernel(new byte[0], "it is empty");
    refusesKernel(ascii("#!/bin/sh\necho\n"), "neither a bzImage nor");
    refusesKernel(new byte[] {0x1f, (byte) 0x8b, 8, 0, 0}, "packed with gzip", "unpack it first");
    refusesKernel(Arrays.copyOf(ELF, 40), "within its ELF header");
    refusesKernel(Arrays.copyOf(ELF, 150), "ends before its program headers");
    refusesKernel(Arrays.copyOf(ELF, ELF.length - 1), "needs bytes");
    refusesKernel(changed(ELF, 18, 0xb7), "not built for 64-bit x86");
    refusesKernel(changed(ELF, 4, 1), "not built for 64-bit x86");
    refusesKernel(changed(ELF, 16, 1), "not an executable");
    refusesKernel(changed(ELF, 56, 0), "0 program headers");
    refusesKernel(changed(ELF, 26, 0xff), "entry", "outside");
    refusesKernel(changed(ELF, DATA_HEADER + 24 + 3, 0), "below 1 MiB");
    refusesKernel(changed(ELF, DATA_HEADER + 24 + 1, 0x10), "overlap");
    refusesKernel(changed(ELF, DATA_HEADER + 40 + 7, 0x40), "impossible size");
    refusesKernel(changed(ELF, DATA_HEADER + 32 + 7, 0x80), "needs bytes");
  }

  @Test
  void refusesOldAndDamagedBzImages() throws IOException {
    byte[] image = Images.bzImage(Images.withSize(ELF, ELF.length));
    refusesKernel(changed(image, 0x206, 0x07), "boot protocol is 2.07");
    refusesKernel(changed(image, 0x236, 0), "32-bit kernel");
    refusesKernel(Arrays.copyOf(image, 0x280), "within its setup header");
    refusesKernel(Arrays.copyOf(image, image.length - 200), "cut short");
    refusesKernel(changed(image, 0x24f, 0x7f), "cut short");
    refusesKernel(noPayload(image), "no payload");
    refusesKernel(Images.bzImage(ascii("what is this, of 32 bytes or so?")), "does not know");
  }

  private static byte[] noPayload(byte[] image) {
    byte[] copy = image.clone();
    Arrays.fill(copy, 0x24c, 0x250, (byte) 0);
    return copy;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gzip -n -f -9 -c",
        "bzip2 -9 -c",
        "xz --format=lzma -9 -c",
        "xz --check=crc32 --x86 --lzma2=dict=32MiB -c",
        "lzop -9 -c",
        "lz4 -l -9 -c",
        "zstd -19 -c"
      })
  void refusesDamagedPayloads(String command) throws Exception {
    List<String> words = List.of(command.split(" "));
    byte[] packed = Images.pack(ELF, words);
    assumeTrue(packed != null, "SKIPPED: the program " + words.getFirst() + " is not installed");
    if (packed == null) {
      return;
    }
    byte[] cut = Arrays.copyOf(packed, packed.length / 2);
    refusesKernel(Images.bzImage(Images.withSize(cut, ELF.length)), "payload");
    refusesKernel(Images.bzImage(Images.withSize(packed, -1)), "claims to unpack to 4294967295");
    if (!command.startsWith("gzip")) { // whose size is its own trailer
      refusesKernel(
          Images.bzImage(Images.withSize(packed, ELF.length - 1)), "unpacks to more than");
      refusesKernel(Images.bzImage(Images.withSize(packed, ELF.length + 1)), "bytes instead of");
    }
  }

  @Test
  void refusesFilesThatCannotBeRead() throws IOException {
    Path kernel = Images.write(folder.resolve("kernel"), ELF);
    refuses(folder.resolve("none"), null, 64, "kernel '", "none' does not exist");
    refuses(folder, null, 64, "is not a regular file");
    refuses(kernel, folder.resolve("none"), 64, "initrd '", "none' does not exist");
    refuses(kernel, Path.of("/dev/null"), 64, "initrd '/dev/null' is not a regular file");
  }

  @Test
  void refusesTooLittleMemory() throws IOException {
    byte[] high = ELF.clone();
    high[DATA_HEADER + 24 + 3] = 5; // data at 0x05019000: 80 MiB
    refuses(
        Images.write(folder.resolve("kernel"), high),
        null,
        64,
        "needs memory up to 80.1 MiB",
        "has 64 MiB");
    Path kernel = Images.write(folder.resolve("kernel"), ELF);
    Path initrd = folder.resolve("initrd");
    Images.write(initrd, Images.cpio(new byte[50 << 20]));
    refuses(kernel, initrd, 64, "initrd '", "of 50.0 MiB does not fit", "64 MiB");
    BootLoader.load(
        new BootOptions(kernel, initrd, "", new byte[0]), Images.memory(128), new CpuState());
  }

  @Test
  void refusesCommandLines() throws IOException {
    Path kernel = Images.write(folder.resolve("kernel"), ELF);
    assertThatThrownBy(() -> boot(kernel, "x".repeat(2048)))
        .isInstanceOf(VmmException.class)
        .hasMessage("the kernel command line has 2048 bytes, this kernel takes 2047");
    assertThat(boot(kernel, "x".repeat(2047)).entry()).isEqualTo(Images.ENTRY);
    assertThatThrownBy(() -> boot(kernel, "quiet\nroot=/dev/vda"))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("control character (0xa) at position 5");
  }

  private static BootResult boot(Path kernel, String commandLine) {
    return BootLoader.load(
        new BootOptions(kernel, null, commandLine, new byte[0]), Images.memory(64), new CpuState());
  }

  private void refusesKernel(byte[] kernel, String... words) throws IOException {
    refuses(Images.write(folder.resolve("kernel"), kernel), null, 64, words);
  }

  private static void refuses(Path kernel, @Nullable Path initrd, int mebibytes, String... words) {
    BootOptions options = new BootOptions(kernel, initrd, "", new byte[0]);
    assertThatThrownBy(() -> BootLoader.load(options, Images.memory(mebibytes), new CpuState()))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e).hasMessageContainingAll(words);
              assertThat(e.getMessage()).contains(initrd == null ? "kernel" : "initrd");
              assertThat(e.advice()).endsWith(".");
            });
  }

  private static byte[] changed(byte[] original, int at, int value) {
    byte[] copy = original.clone();
    copy[at] = (byte) value;
    return copy;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}

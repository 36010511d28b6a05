package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.VmmException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ModuleSitesTest {
  private static final int CPIO_HEADER = 110;

  @TempDir Path folder = Path.of("unset");

  @Test
  void findsThemInAnObjectFile() throws IOException, InterruptedException {
    Path assembler = Path.of("/usr/bin/as");
    assumeTrue(
        Files.isExecutable(assembler), "SKIPPED: no assembler here; install Debian's binutils");
    Path source =
        Files.writeString(
            folder.resolve("module.s"),
            """
            .text
            .type first, @function
            first: mov $0x310f, %eax
            rdtsc
            ret
            .byte 0x48, 0xb8
            .type second, @function
            second: rdtsc
            ret
            .section .altinstr_replacement, "ax"
            lfence
            rdtsc
            rdtscp
            .data
            .byte 0x0f, 0x31
            """);
    Path object = folder.resolve("module.o");
    Process made =
        new ProcessBuilder(assembler.toString(), "-o", object.toString(), source.toString())
            .inheritIO()
            .start();
    assertThat(made.waitFor(1, TimeUnit.MINUTES)).isTrue();
    byte[] module = Files.readAllBytes(object);
    RdtscSites found = ModuleSites.find(module, "module");
    assertThat(found.sites())
        .extracting(site -> "%s+%d %s".formatted(site.section(), site.virtual(), site.kind()))
        .containsExactlyInAnyOrder(
            ".text+5 RDTSC",
            ".text+10 RDTSC",
            ".altinstr_replacement+3 RDTSC",
            ".altinstr_replacement+5 RDTSCP");
    assertThat(found.rejected()).containsExactly(1L);
    for (TscSite site : found.sites()) {
      assertThat(module[(int) site.physical()]).isEqualTo((byte) 0x0f);
    }
    for (int cut = 0; cut < module.length; cut += 7) {
      byte[] part = Arrays.copyOf(module, cut);
      assertThatThrownBy(() -> ModuleSites.find(part, "cut"))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("'cut'");
    }
  }

  /** What the guest image's initramfs loads. */
  @Test
  void theImagesModulesReadNoCounter() throws IOException {
    Path initrd = DebianKernel.image().resolve("initrd");
    assumeTrue(
        Files.exists(initrd), "SKIPPED: no %s; make it by scripts/guest-image".formatted(initrd));
    Map<String, byte[]> modules = modules(Files.readAllBytes(initrd));
    assertThat(modules).containsKey("virtio_blk.ko");
    long instructions = 0;
    for (Map.Entry<String, byte[]> module : modules.entrySet()) {
      RdtscSites found = ModuleSites.find(module.getValue(), module.getKey());
      assertThat(found.sites()).as(module.getKey()).isEmpty();
      assertThat(found.undecodable()).as(module.getKey()).isZero();
      assertThat(found.resynchronised()).as(module.getKey()).isZero();
      instructions += found.instructions();
    }
    System.out.printf(
        "campaign rdtsc sites: %d modules of the initramfs, %d instructions: none%n",
        modules.size(), instructions);
  }

  /** The modules of a newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). */
  private static Map<String, byte[]> modules(byte[] cpio) {
    Map<String, byte[]> found = new TreeMap<>();
    int at = 0;
    while (at + CPIO_HEADER <= cpio.length) {
      int size = field(cpio, at + 54);
      int nameSize = field(cpio, at + 94);
      int nameAt = at + CPIO_HEADER;
      String name = new String(cpio, nameAt, nameSize - 1, StandardCharsets.US_ASCII);
      int data = nameAt + nameSize + 3 & ~3;
      if (name.endsWith(".ko")) {
        found.put(
            name.substring(name.lastIndexOf('/') + 1), Arrays.copyOfRange(cpio, data, data + size));
      } else if (name.equals("TRAILER!!!")) {
        break;
      }
      at = data + size + 3 & ~3;
    }
    return found;
  }

  private static int field(byte[] cpio, int at) {
    return Integer.parseInt(new String(cpio, at, 8, StandardCharsets.US_ASCII), 16);
  }
}

package dev.lockstep.vmm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Debian's stock cloud kernel and the guest image's initramfs, when scripts/guest-image has made them. */
final class DebianKernelTest {
  @Test
  void loadsTheStockKernel() {
    Path cache =
        Optional.ofNullable(System.getenv("LOCKSTEP_CACHE"))
            .map(Path::of)
            .orElse(Path.of("..", ".cache", "guest"));
    assumeTrue(
        Files.exists(cache.resolve("complete")),
        "SKIPPED: no guest image in %s; make it by scripts/guest-image".formatted(cache));
    GuestMemory memory = Images.memory(256);
    CpuState state = new CpuState();
    BootResult result =
        BootLoader.load(
            new BootOptions(
                cache.resolve("vmlinuz"), cache.resolve("initrd"), "console=ttyS0", new byte[32]),
            memory,
            state);
    assertThat(result.kernelFormat()).isEqualTo("bzImage 2.15, lz4");
    assertThat(result.entry()).isEqualTo(0x100_0000L);
    assertThat(result.kernelEnd()).isGreaterThan(40L << 20).isLessThan(128L << 20);
    // startup_64 begins by setting up its stack: lea 0x...(%rip),%rsp.
    assertThat(memory.read32(result.entry()) & 0xffffff).isEqualTo(0x258d48);
  }
}

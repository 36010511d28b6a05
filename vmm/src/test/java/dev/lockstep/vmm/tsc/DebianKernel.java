package dev.lockstep.vmm.tsc;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.MachineLayout;
import dev.lockstep.vmm.boot.BootLoader;
import dev.lockstep.vmm.boot.BootOptions;
import dev.lockstep.vmm.boot.BootResult;
import dev.lockstep.vmm.boot.KernelEdit;
import dev.lockstep.vmm.boot.KernelMap;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The guest image's kernel, loaded. */
final class DebianKernel {
  private static final long MEMORY = 256L << 20;

  final GuestMemory memory =
      new GuestMemory(
          Arena.ofAuto().allocate(MEMORY, GuestMemory.PAGE_SIZE),
          MachineLayout.memoryRegions(MEMORY));
  final BootResult result;
  private @Nullable KernelMap map;

  /** Loads it with a change; without a guest image the test is skipped by name. */
  DebianKernel(KernelEdit edit) {
    Path cache = image();
    assumeTrue(
        Files.exists(cache.resolve("complete")),
        "SKIPPED: no guest image in %s; make it by scripts/guest-image".formatted(cache));
    result =
        BootLoader.load(
            new BootOptions(cache.resolve("vmlinuz"), null, "", new byte[0]),
            memory,
            new CpuState(),
            (sections, loaded) -> {
              map = sections;
              return edit.edit(sections, loaded);
            });
  }

  static Path image() {
    return Optional.ofNullable(System.getenv("LOCKSTEP_CACHE"))
        .map(Path::of)
        .orElse(Path.of("..", ".cache", "guest"));
  }

  KernelMap map() {
    return Objects.requireNonNull(map);
  }

  byte[] bytes(String section) {
    KernelMap.Section found = Objects.requireNonNull(map().named(section), section);
    byte[] bytes = new byte[(int) found.size()];
    memory.read(found.physical(), bytes, 0, bytes.length);
    return bytes;
  }
}

package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.boot.KernelEdit;
import dev.lockstep.vmm.boot.KernelMap;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Debian's stock kernel, patched so that every read of the counter goes through the machine. */
final class ExactTscPatchTest {
  @TempDir Path folder = Path.of("unset");

  private static final String TEXT = ".text";

  @Test
  void everyMoveOfCr4IsPatched() {
    DebianKernel stock = new DebianKernel(KernelEdit.NONE);
    RdtscSites before = RdtscSites.find(stock.map(), stock.memory);
    assertThat(before.doubtful()).isEmpty();
    ExactTscPatch patch = new ExactTscPatch(CpuModel.LOCKSTEP_V1_TSC, new ExactTsc());
    DebianKernel kernel = new DebianKernel(patch);
    RdtscSites after = RdtscSites.find(kernel.map(), kernel.memory);
    assertThat(after.sites()).isEmpty();
    assertThat(after.controls()).isEmpty();
    List<TscSite> moves = patch.done().controls();
    assertThat(moves).isEqualTo(before.controls());
    for (TscSite move : moves) {
      byte[] was = CodeBytes.physical(stock.memory).get(move.physical(), move.length());
      byte[] is = CodeBytes.physical(kernel.memory).get(move.physical(), move.length());
      assertThat(is)
          .startsWith(
              0xe6,
              (move.kind() == TscSite.Kind.WRITE_CR4 ? StopPort.WRITE_CR4 : StopPort.READ_CR4)
                  .port());
      assertThat(is[is.length - 1]).isEqualTo(was[was.length - 1]);
      assertThat(is.length == 3 || is[2] == was[0]).isTrue();
    }
    System.out.printf(
        "campaign rdtsc: %d moves to CR4 and %d from it patched in Debian's kernel%n",
        moves.stream().filter(move -> move.kind() == TscSite.Kind.WRITE_CR4).count(),
        moves.stream().filter(move -> move.kind() == TscSite.Kind.READ_CR4).count());
  }

  @Test
  void theDecoderFindsTheMovesThatObjdumpFinds() throws Exception {
    DebianKernel kernel = new DebianKernel(KernelEdit.NONE);
    RdtscSites found = RdtscSites.find(kernel.map(), kernel.memory);
    KernelMap.Section text = Objects.requireNonNull(kernel.map().named(TEXT));
    Set<Long> expected =
        Objdump.list(folder, kernel.bytes(TEXT)).controls().stream()
            .mapToObj(at -> text.virtual() + at)
            .collect(Collectors.toSet());
    assertThat(
            found.controls().stream()
                .filter(site -> site.section().equals(TEXT))
                .map(TscSite::virtual))
        .containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void theKernelsSymbolsAreFound() {
    DebianKernel kernel = new DebianKernel(KernelEdit.NONE);
    Map<String, Long> found =
        KernelSymbols.find(
            kernel.map(),
            kernel.memory,
            Set.of("module_finalize", "asm_exc_general_protection", "startup_64", "no_such_name"));
    KernelMap.Section text = Objects.requireNonNull(kernel.map().named(TEXT));
    assertThat(found)
        .containsOnlyKeys("module_finalize", "asm_exc_general_protection", "startup_64")
        .containsEntry("startup_64", text.virtual());
  }

  /** Without its symbols nothing says where its #GP handler and its modules' loader are. */
  @Test
  void aKernelWithoutSymbolsIsRefused() {
    assertThatThrownBy(() ->
            new DebianKernel((map, memory) -> {
              spoil(map, memory);
              return new ExactTscPatch(CpuModel.LOCKSTEP_V1_TSC, new ExactTsc()).edit(map, memory);
            }))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("cannot be stopped at its #GP entry")
        .hasMessageContaining("modules");
  }

  private static void spoil(KernelMap map, GuestMemory memory) {
    KernelMap.Section data = Objects.requireNonNull(map.named(".rodata"));
    byte[] nothing = new byte[(int) data.size()];
    memory.write(data.physical(), nothing, 0, nothing.length);
  }
}

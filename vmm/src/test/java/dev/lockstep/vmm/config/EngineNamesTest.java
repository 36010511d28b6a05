package dev.lockstep.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.engine.Counting;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.EngineNames;
import dev.lockstep.vmm.engine.Purpose;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What {@code auto} picks, and what is refused, as far as it does not depend on the host. */
final class EngineNamesTest {
  @Test
  void whatNeedsExactCountsGetsThem() {
    for (Purpose purpose : new Purpose[] {Purpose.RECORDED, Purpose.REPLICATED}) {
      assertThat(EngineNames.choose(EngineNames.AUTO, purpose, null, Counting.AUTO).engine())
          .isEqualTo(EngineChoice.SOFT);
      assertThatThrownBy(() -> EngineNames.choose(EngineChoice.KVM, purpose, null, Counting.AUTO))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("needs an exact branch counter");
    }
  }

  @Test
  void aModelWithTimeStampCounterIsOfSoftAlone() {
    EngineChoice choice =
        EngineNames.choose(
            EngineNames.AUTO, Purpose.FREE_RUNNING, CpuModel.LOCKSTEP_V1_TSC, Counting.AUTO);
    assertThat(choice.engine()).isEqualTo(EngineChoice.SOFT);
    assertThat(choice.reason()).contains("lockstep-v1-tsc");
  }

  @Test
  void aHostWithoutKvmIsToldApart() {
    assertThatThrownBy(() -> KvmEngine.of(Path.of("/dev/no-such-kvm")))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e).hasMessage("no KVM: open /dev/no-such-kvm: ENOENT (no such file)");
              assertThat(e.advice()).contains("--engine soft");
            });
  }
}

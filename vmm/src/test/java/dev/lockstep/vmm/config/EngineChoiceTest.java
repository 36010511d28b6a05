package dev.lockstep.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What {@code auto} picks, and what is refused, as far as it does not depend on the host. */
final class EngineChoiceTest {
  @Test
  void whatNeedsExactCountsGetsThem() {
    for (Purpose purpose : new Purpose[] {Purpose.RECORDED, Purpose.REPLICATED}) {
      assertThat(EngineChoice.choose(EngineChoice.AUTO, purpose, null).engine())
          .isEqualTo(EngineChoice.SOFT);
      assertThatThrownBy(() -> EngineChoice.choose(EngineChoice.KVM, purpose, null))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("no calibrated branch counter");
    }
  }

  @Test
  void aModelWithTimeStampCounterIsOfSoftAlone() {
    EngineChoice choice =
        EngineChoice.choose(EngineChoice.AUTO, Purpose.FREE_RUNNING, CpuModel.LOCKSTEP_V1_TSC);
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

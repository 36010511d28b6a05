package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ExactTscPolicyTest {
  private static ExactTscPolicy.Facts allBut(int missing) {
    return new ExactTscPolicy.Facts(
        missing != 0, missing != 1, missing != 2, missing != 3, missing != 4);
  }

  @Test
  void aHostThatCanDoEverythingIsExact() {
    assertThat(ExactTscPolicy.decide(CpuModel.LOCKSTEP_V1_TSC, allBut(-1)))
        .isEqualTo(ExactTscPolicy.Exact.EXACT);
  }

  @ParameterizedTest
  @CsvSource({
    "0, lets programs read it",
    "1, cannot be stopped at its #GP entry",
    "2, clear CR4.TSD",
    "3, are not patched",
    "4, modules"
  })
  void whatIsMissingIsTheReason(int missing, String reason) {
    ExactTscPolicy.Verdict verdict =
        ExactTscPolicy.decide(CpuModel.LOCKSTEP_V1_TSC, allBut(missing));
    assertThat(verdict).isInstanceOf(ExactTscPolicy.FreeRunning.class);
    ExactTscPolicy.FreeRunning refused = (ExactTscPolicy.FreeRunning) verdict;
    assertThat(refused.reasons()).hasSize(1);
    assertThat(refused.message()).contains(reason);
  }

  @Test
  void beforeAKernelIsThereTheHostDecides() {
    assertThat(ExactTscPolicy.decide(CpuModel.LOCKSTEP_V1, ExactTscPolicy.Facts.ofHost(true)))
        .isEqualTo(ExactTscPolicy.Exact.EXACT);
    assertThat(ExactTscPolicy.decide(CpuModel.LOCKSTEP_V1, ExactTscPolicy.Facts.ofHost(false)))
        .isInstanceOf(ExactTscPolicy.FreeRunning.class);
  }

  /** Hardware would execute it, so it must become the #UD that the model promises. */
  @Test
  void aModelWithoutCounterIsNoEasier() {
    assertThat(ExactTscPolicy.decide(CpuModel.LOCKSTEP_V1, allBut(1)))
        .isInstanceOf(ExactTscPolicy.FreeRunning.class);
  }
}

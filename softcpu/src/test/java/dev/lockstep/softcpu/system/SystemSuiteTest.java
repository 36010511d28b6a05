package dev.lockstep.softcpu.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every case on the software CPU: run whole, stepped, and moved between vCPUs. */
class SystemSuiteTest {
  private static final long SEED = 20_260_101;

  static List<SystemCase> cases() {
    return SystemCases.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void runs(SystemCase one) {
    Image image = new Image(one);
    for (SoftPlatform.Drive drive : SoftPlatform.Drive.values()) {
      assertThat(SoftPlatform.run(image, drive, SEED))
          .as("%s, driven by %s, seed %d (%s)", one.name, drive, SEED, one.manual)
          .isEqualTo(one.expected);
    }
  }

  @Test
  void everyCaseCitesTheManualAndHasItsOwnName() {
    assertThat(cases()).extracting(c -> c.name).doesNotHaveDuplicates();
    assertThat(cases()).allSatisfy(c -> assertThat(c.manual).isNotBlank());
  }
}

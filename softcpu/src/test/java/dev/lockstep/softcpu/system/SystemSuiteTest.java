package dev.lockstep.softcpu.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.Translation;
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
    assertThat(SystemSuite.difference(one, SEED)).as("%s (%s)", one.name, one.manual).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void runsTranslated(SystemCase one) {
    assertThat(SystemSuite.difference(one, SEED, Translation.ALWAYS)).as(one.name).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void runsTranslatedAtRandom(SystemCase one) {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    assertThat(SystemSuite.difference(one, SEED, Translation.mixed(Translation.Target.HOST, seed)))
        .as(one.name)
        .isEmpty();
  }

  @Test
  void everyCaseCitesTheManualAndHasItsOwnName() {
    assertThat(cases()).extracting(c -> c.name).doesNotHaveDuplicates();
    assertThat(cases()).allSatisfy(c -> assertThat(c.manual).isNotBlank());
  }
}

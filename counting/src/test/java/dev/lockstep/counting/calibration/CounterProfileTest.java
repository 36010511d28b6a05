package dev.lockstep.counting.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.Transition;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VmmException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CounterProfileTest {
  private static final CounterProfile PROFILE =
      new CounterProfile(
          "AuthenticAMD 25/17/1, microcode 0x1000065, Linux 6.12 = \"x\"",
          "retired conditional branches",
          4,
          0x5100d1,
          0,
          BranchSemantics.CONDITIONAL,
          new CounterLimits(10_000, 32, true),
          new ExcessTable(Map.of(Transition.EXIT, 1L, Transition.INJECTION, -2L)));

  @TempDir Path folder;

  @Test
  void isReadAsItWasWritten() {
    Path file = folder.resolve("a/counter");
    PROFILE.save(file);
    PROFILE.save(file);
    assertThat(CounterProfile.load(file)).isEqualTo(PROFILE);
  }

  @ParameterizedTest
  @CsvSource({
    "skid_bound = 10000, skid_bound = -1, skid_bound = -1 is not in 0",
    "skid_bound = 10000, skid_bound = ten, skid_bound = 'ten' is not a number",
    "skid_bound = 10000, '', field 'skid_bound' is missing",
    "config = 0x5100d1, config =, field 'config' is missing",
    "minimum_period = 32, minimum_period = 0, minimum_period = 0 is not in 1",
    "reopens_to_arm = true, reopens_to_arm = yes, neither true nor false",
    "semantics = CONDITIONAL, semantics = SOME, semantics = 'SOME' is unknown",
    "version = 1, version = 2, version is '2'",
    "excess.EXIT = 1, excess.EXIT = 1001, excess.EXIT = 1001 is not in",
    "excess.EXIT = 1, excess.EXCEPTION = 1, there is no field 'excess.EXCEPTION'",
    "version = 1, version = 1\\u00zz, malformed escape",
    "event =, evnt =, there is no field 'evnt'",
  })
  void errorsNameTheField(String was, String is, String error) {
    String text = PROFILE.toText();
    assertThat(text).contains(was);
    assertThatThrownBy(() -> CounterProfile.parse(text.replace(was, is), "test"))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("the counter profile test is refused")
        .hasMessageContaining(error);
  }

  @Test
  void whatIsNotThereIsAnErrorWithAdvice() {
    assertThatThrownBy(() -> CounterProfile.load(folder.resolve("none")))
        .isInstanceOfSatisfying(
            VmmException.class, e -> assertThat(e.advice()).contains("--calibrate"));
  }
}

package dev.lockstep.softcpu.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same cases on QEMU's emulator: it must agree, but for what a case lists. */
class SystemSuiteOnQemuTest {
  @TempDir private static Path directory;

  static List<SystemCase> cases() {
    return SystemCases.all();
  }

  @BeforeAll
  static void needsQemu() {
    assumeTrue(
        QemuPlatform.isThere(),
        "SKIPPED: the system suite's second opinion needs Debian's qemu-system-x86");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void agrees(SystemCase one) throws Exception {
    List<String> other = one.expectedOnQemu;
    assertThat(QemuPlatform.run(new Image(one), directory))
        .as("%s on QEMU (%s) %s", one.name, one.manual, one.qemuReason)
        .isEqualTo(other == null ? one.expected : other);
  }
}

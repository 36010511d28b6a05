package dev.lockstep.softcpu.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same cases on QEMU's emulator: it must agree, but for what {@link QemuDisagreements} lists. */
class SystemSuiteOnQemuTest {
  private static final Map<String, QemuDisagreements.Entry> DISAGREEMENTS = QemuDisagreements.all();

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
  void agreesUnlessListed(SystemCase one) throws Exception {
    QemuDisagreements.Entry listed = DISAGREEMENTS.get(one.name);
    List<String> expected = listed == null ? one.expected : listed.log();
    boolean endless = expected.equals(List.of(QemuPlatform.NO_END));
    assertThat(QemuPlatform.run(new Image(one), endless, directory))
        .as("%s on QEMU (%s)%s", one.name, one.manual, listed == null ? "" : "; " + listed.reason())
        .isEqualTo(expected);
  }

  @Test
  void theListNamesCasesThatDisagree() {
    Map<String, List<String>> manual =
        cases().stream().collect(Collectors.toMap(c -> c.name, c -> c.expected));
    assertThat(manual.keySet()).containsAll(DISAGREEMENTS.keySet());
    assertThat(DISAGREEMENTS.values())
        .allSatisfy(e -> {
          assertThat(e.reason()).as(e.name()).isNotBlank();
          assertThat(manual).as(e.name()).doesNotContainEntry(e.name(), e.log());
        });
    System.out.printf(
        "system suite: %d cases, QEMU disagrees with the manual in %d of them (listed)%n",
        manual.size(), DISAGREEMENTS.size());
  }
}

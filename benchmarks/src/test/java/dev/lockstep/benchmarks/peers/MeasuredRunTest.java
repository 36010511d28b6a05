package dev.lockstep.benchmarks.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a guest's console says of a run. */
final class MeasuredRunTest {
  private static final List<String> PROGRAMS = List.of("sqlite", "redis");

  @Test
  void marksAreRowsInTheirOrderWithWhatWasPrinted() throws Exception {
    MeasuredRun run =
        read(
            "[    0.1] a line of the kernel's\r",
            "lockstep guest ready\r",
            "bench begin sqlite\r",
            "bench end sqlite 11aa\r",
            "bench begin redis\r",
            "bench end redis 22bb\r",
            "reboot: Power down\r");
    assertThat(run.spent().keySet()).containsExactly(MeasuredRun.BOOT, "sqlite", "redis");
    assertThat(run.results()).containsEntry("sqlite", "11aa").containsEntry("redis", "22bb");
    assertThat(run.cpuSeconds()).isPositive();
    assertThat(run.peakMebibytes()).isPositive();
  }

  @Test
  void whatIsBetweenTwoProgramsIsNoProgramsTime() throws Exception {
    MeasuredRun run =
        read(
            "lockstep guest ready",
            "bench begin sqlite",
            "bench end sqlite 11aa",
            "a server is started",
            "bench begin redis",
            "bench end redis 22bb");
    double programs = run.spent().values().stream().mapToDouble(it -> it.cpu().seconds()).sum();
    assertThat(programs).isLessThanOrEqualTo(run.cpuSeconds() + 1e-9);
  }

  @Test
  void aProgramThatFailsEndsTheComparisonWithWhatItSaid() {
    assertThatThrownBy(() ->
            read(
                "lockstep guest ready",
                "bench begin sqlite",
                "Parse error near line 1",
                "bench failed sqlite: status 1\r"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a program failed in the guest: sqlite: status 1")
        .hasMessageContaining("Parse error near line 1");
  }

  @Test
  void aGuestThatEndsBeforeItsSetIsNoRun() {
    assertThatThrownBy(() ->
            read(
                "lockstep guest ready",
                "bench begin sqlite",
                "bench end sqlite 11aa",
                "bench begin redis",
                "Kernel panic"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("[sqlite], not of [sqlite, redis]")
        .hasMessageContaining("Kernel panic");
    assertThatThrownBy(() -> read("no kernel", "here"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("did not come to its shell:\nno kernel\nhere");
  }

  @Test
  void instructionsAreThoseOfTheReport() {
    assertThat(
            MeasuredRun.instructions(
                "a warning\n{\"end\":\"halted\",\"instructions\":11598676590,\"instructions_per_second\":3.2E8}\n"))
        .isEqualTo(11_598_676_590L);
    assertThat(MeasuredRun.instructions("")).isZero();
  }

  @Test
  void aCommandIsRunToItsEnd(@TempDir Path folder) throws Exception {
    MeasuredRun run =
        MeasuredRun.of(
            List.of(
                "sh",
                "-c",
                "echo lockstep guest ready; for it in sqlite redis; do echo bench begin $it; echo bench end $it 00; done; sleep 0.2; echo '{\"instructions\":7}' >&2"),
            PROGRAMS,
            false,
            folder.resolve("err"),
            1);
    assertThat(run.results()).containsOnlyKeys("sqlite", "redis");
    assertThat(run.instructions()).isEqualTo(7);
  }

  private static MeasuredRun read(String... lines) throws IOException {
    return MeasuredRun.read(
        new BufferedReader(new StringReader(String.join("\n", lines))),
        PROGRAMS,
        ProcessHandle.current().pid(),
        false,
        System.nanoTime());
  }
}

package dev.lockstep.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The demo's judge: it must see every kind of damage. */
final class WorkloadCheckTest {
  private static final int LINES = 20;

  private static List<String> workload() {
    List<String> lines = new ArrayList<>();
    lines.add("[    1.0] some kernel message");
    lines.add("lockstep guest ready");
    String hash = "0".repeat(64);
    for (int i = 1; i <= LINES; i++) {
      hash = WorkloadCheck.hashOf(hash, i);
      lines.add("line %06d sha256=%s".formatted(i, hash));
    }
    lines.add("workload done %d %s".formatted(LINES, hash));
    return lines;
  }

  private static WorkloadCheck read(List<String> lines, int piece) {
    WorkloadCheck check = new WorkloadCheck(LINES);
    byte[] bytes = (String.join("\r\n", lines) + "\r\n").getBytes(StandardCharsets.US_ASCII);
    for (int at = 0; at < bytes.length; at += piece) {
      check.accept(bytes, at, Math.min(piece, bytes.length - at));
    }
    return check;
  }

  @Test
  void firstHashIsThatOfTheGuestsShell() {
    // printf '%s 1' 000…0 | sha256sum
    assertThat(WorkloadCheck.hashOf("0".repeat(64), 1))
        .isEqualTo("021f8672d5f3519cdde978281dee40afef3a37612374f39b0cdd877d2622e578");
  }

  @Test
  void acceptsTheWholeWorkloadInPiecesOfAnySize() {
    for (int piece : new int[] {1, 7, 64, 4096}) {
      WorkloadCheck check = read(workload(), piece);
      assertThat(check.perfect()).as("pieces of %d", piece).isTrue();
      assertThat(check.ready()).isTrue();
      assertThat(check.lines()).isEqualTo(LINES);
    }
  }

  @Test
  void countsLostLines() {
    List<String> lines = workload();
    lines.subList(7, 10).clear();
    WorkloadCheck check = read(lines, 100);
    assertThat(check.lost()).isEqualTo(3);
    assertThat(check.perfect()).isFalse();
  }

  @Test
  void countsLostLinesAtTheEnd() {
    List<String> lines = workload();
    lines.remove(lines.size() - 2);
    assertThat(read(lines, 100).perfect()).isFalse();
  }

  @Test
  void countsRepeatedLines() {
    List<String> lines = workload();
    lines.add(9, lines.get(8));
    WorkloadCheck check = read(lines, 100);
    assertThat(check.repeated()).isEqualTo(1);
    assertThat(check.perfect()).isFalse();
  }

  @Test
  void seesAContradiction() {
    List<String> lines = workload();
    String line = lines.get(9);
    lines.set(9, line.substring(0, line.length() - 64) + "f".repeat(64));
    WorkloadCheck check = read(lines, 100);
    assertThat(check.perfect()).isFalse();
    assertThat(check.firstProblem()).isNotNull();
  }

  @Test
  void anUnfinishedWorkloadIsNotPerfect() {
    List<String> lines = workload();
    lines.removeLast();
    assertThat(read(lines, 100).perfect()).isFalse();
  }
}

package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A difference goes away only where the way to the CPU may have been disturbed, and only if the CPU itself agrees when asked again. */
final class DisturbanceTest {
  /** A CPU that gives one answer after the other. */
  private record Scripted(Deque<OracleResult> answers, boolean disturbed) implements RealCpu {
    @Override
    public String name() {
      return "scripted";
    }

    @Override
    public boolean mayBeDisturbed(OracleResult real) {
      return disturbed;
    }

    @Override
    public List<OracleResult> execute(List<OracleCase> cases) {
      return List.of(answers.remove());
    }

    @Override
    public void close() {}
  }

  private static List<String> differences(
      Corpus.Saved saved, boolean disturbed, OracleResult... answers) throws IOException {
    RealCpu real = new Scripted(new ArrayDeque<>(List.of(answers)), disturbed);
    try (OracleRun run = new OracleRun(real, 0, false)) {
      return run.differences(saved.form(), saved.asked());
    }
  }

  @Test
  void oneDifferenceIsForgivenWhereTheWayIsDisturbed() throws IOException {
    Corpus.Saved saved = Corpus.load().getFirst();
    try (SoftOracle soft = new SoftOracle()) {
      OracleResult right = soft.execute(saved.asked());
      OracleResult wrong = right.withGpr(right.gpr().clone());
      wrong.gpr()[0] ^= 1;
      assertThat(differences(saved, true, wrong, right)).isEmpty();
      assertThat(differences(saved, true, wrong, wrong)).isNotEmpty();
      assertThat(differences(saved, false, wrong, right)).isNotEmpty();
    }
  }
}

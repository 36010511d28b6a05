package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Of a CMPS that faults twice either fault is right, and no other. */
final class FaultOrderTest {
  private static final int RSI = 6;
  private static final int RDI = 7;

  /** A CPU that says what it was told. */
  private record Scripted(OracleResult answer) implements RealCpu {
    @Override
    public String name() {
      return "scripted";
    }

    @Override
    public List<OracleResult> execute(List<OracleCase> cases) {
      return List.of(answer);
    }

    @Override
    public void close() {}
  }

  @Test
  void eitherFaultIsRightAndNoOther() throws IOException {
    int tried = 0;
    for (Corpus.Saved saved : Corpus.load()) {
      if (!FaultOrder.isOpen(saved.form())) {
        continue;
      }
      OracleCase asked = saved.asked();
      try (SoftOracle soft = new SoftOracle()) {
        OracleResult first = soft.execute(asked);
        OracleResult second = soft.execute(FaultOrder.secondOperand(asked, first));
        OracleResult other = first.withFaultOf(second);
        assertThat(differences(saved, first)).isEmpty();
        assertThat(differences(saved, other)).isEmpty();
        assertThat(differences(saved, elsewhere(other))).isNotEmpty();
        OracleResult moved = other.withGpr(other.gpr().clone());
        moved.gpr()[RSI] ^= 1;
        moved.gpr()[RDI] ^= 1;
        assertThat(differences(saved, moved)).isNotEmpty();
      }
      tried++;
    }
    assertThat(tried).as("cases of the corpus with two faults").isPositive();
  }

  private static OracleResult elsewhere(OracleResult fault) {
    return new OracleResult(
        fault.vector(),
        fault.error(),
        fault.cr2() + 1,
        fault.rip(),
        fault.rflags(),
        fault.gpr(),
        fault.fxsave(),
        fault.data(),
        fault.stack());
  }

  private static List<String> differences(Corpus.Saved saved, OracleResult real)
      throws IOException {
    try (OracleRun run = new OracleRun(new Scripted(real), 0, false)) {
      return run.differences(saved.form(), saved.asked());
    }
  }
}

package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.softcpu.SoftVcpu;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the software CPU with the host's over every form. */
final class OracleTest {
  private static final String SKIPPED = "SKIPPED: the oracle needs gcc on Linux x86-64";

  private final UndefinedFlags undefinedFlags = new UndefinedFlags();

  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithTheHost(String table) throws IOException, InterruptedException {
    run(table, Depth.SAMPLE);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithTheHostInDepth(String table) throws IOException, InterruptedException {
    run(table, Depth.WHOLE);
  }

  private static void run(String table, Depth depth) throws IOException, InterruptedException {
    Assumptions.assumeTrue(OracleRun.available(), SKIPPED);
    try (HostOracle host = HostOracle.start()) {
      OracleCampaign.run(host, table, depth);
    }
  }

  @Test
  void casesThatOnceDifferedAgree() throws IOException, InterruptedException {
    Assumptions.assumeTrue(OracleRun.available(), SKIPPED);
    try (HostOracle host = HostOracle.start()) {
      OracleCampaign.replayCorpus(host);
    }
  }

  /** The way by which an engine is asked adds nothing of its own: the software CPU, running, does what it does stepping. */
  @Test
  void anEngineIsAskedWhatTheHostIsAsked() throws IOException {
    try (EngineOracle<SoftVcpu> running =
        new EngineOracle<>(
            "soft",
            memory ->
                SoftVcpu.create(
                    CpuModel.LOCKSTEP_V1, memory, count -> count, BranchSemantics.ALL_TRANSFERS),
            vcpu -> 0)) {
      assertThat(running.traits())
          .isEqualTo(
              new EngineTraits(
                  Set.copyOf(Arrays.stream(Variant.MODES).boxed().toList()), true, true, true));
      for (String table : OracleCampaign.TABLES) {
        OracleCampaign.run(running, table, Depth.GLANCE);
      }
    }
  }

  @Test
  void everyCitedMaskIsUsed() {
    Set<String> used = new HashSet<>();
    for (Form form : Form.load("forms.txt")) {
      undefinedFlags.mask(form);
      for (char letter : form.value("flags").toCharArray()) {
        used.add(form.name() + letter);
      }
    }
    undefinedFlags
        .lettersByName()
        .forEach((name, letters) -> {
          for (char letter : letters.toCharArray()) {
            assertThat(used).as("mask of %s for %s", letter, name).contains(name + letter);
          }
        });
  }
}

package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the software CPU with the host's over every form. The seed is printed; set {@code -Dlockstep.seed} to repeat. */
final class OracleTest {
  private static final String SKIPPED = "SKIPPED: the oracle needs gcc on Linux x86-64";
  private static final int SHOWN_VARIANTS = 60;

  /** The form tables. */
  static final List<String> TABLES = List.of("forms.txt", "forms-sse.txt", "forms-x87.txt");

  private final UndefinedFlags undefinedFlags = new UndefinedFlags();

  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithTheHost(String table) throws IOException, InterruptedException {
    run(table, 1, 1);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithTheHostInDepth(String table) throws IOException, InterruptedException {
    run(table, 20, OracleRun.CASES_PER_FORM);
  }

  @Test
  void casesThatOnceDifferedAgree() throws IOException, InterruptedException {
    Assumptions.assumeTrue(OracleRun.available(), SKIPPED);
    List<Corpus.Saved> corpus = Corpus.load();
    List<String> found = new ArrayList<>();
    try (OracleRun run = new OracleRun(0, false)) {
      for (Corpus.Saved one : corpus) {
        List<String> differences = run.differences(one.form(), one.asked());
        if (!differences.isEmpty()) {
          found.add(one.file() + ": " + differences);
        }
      }
    }
    System.out.printf("oracle corpus: %d cases, %d differ%n", corpus.size(), found.size());
    assertThat(found).as("cases of the corpus that differ").isEmpty();
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

  private static void run(String table, int factor, int casesPerVariant)
      throws IOException, InterruptedException {
    Assumptions.assumeTrue(OracleRun.available(), SKIPPED);
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.println("oracle " + table + ": seed " + seed);
    String only = System.getProperty("lockstep.form", "");
    List<Form> forms =
        Form.load(table).stream().filter(form -> form.line().contains(only)).toList();
    try (OracleRun run = new OracleRun(seed, true)) {
      for (Form form : forms) {
        run.form(form, factor);
      }
      long cases = run.casesByForm.values().stream().mapToLong(Long::longValue).sum();
      System.out.printf(
          "oracle %s: %d forms, %d variants, %d cases, at least %d of a form and %d of a variant, %d variants differ; %d cases raised the other of two faults whose order is open%n",
          table,
          forms.size(),
          run.variants,
          cases,
          run.casesByForm.values().stream().mapToLong(Long::longValue).min().orElse(0),
          run.fewest,
          run.failures.size(),
          run.otherOrder);
      assertThat(run.fewest).isGreaterThanOrEqualTo(casesPerVariant);
      assertThat(forms)
          .as("forms with their cases")
          .allSatisfy(form ->
              assertThat(run.casesByForm.getOrDefault(form, 0L))
                  .as(form.line())
                  .isGreaterThanOrEqualTo(OracleRun.CASES_PER_FORM));
      assertThat(run.failures.entrySet().stream().limit(SHOWN_VARIANTS).toList())
          .as("variants that differ from the host (of %d; seed %d)", run.failures.size(), seed)
          .isEmpty();
    }
  }
}

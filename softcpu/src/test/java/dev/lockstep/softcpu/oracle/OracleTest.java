package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the software CPU with the host's over every form. The seed is printed; set {@code -Dlockstep.seed} to repeat. */
final class OracleTest {
  /** At least this many cases of every form are required, sampled runs included. */
  private static final int CASES_PER_FORM = 200;

  private static final int SHOWN_PER_VARIANT = 2;
  private static final int SHOWN_VARIANTS = 60;

  private final UndefinedFlags undefinedFlags = new UndefinedFlags();

  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithTheHost(String table) throws IOException, InterruptedException {
    run(table, 1);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithTheHostInDepth(String table) throws IOException, InterruptedException {
    run(table, 20);
  }

  @Test
  void casesThatOnceDifferedAgree() throws IOException, InterruptedException {
    Assumptions.assumeTrue(HostOracle.available(), "SKIPPED: the oracle needs gcc on Linux x86-64");
    List<Corpus.Saved> corpus = Corpus.load();
    List<String> found = new ArrayList<>();
    try (HostOracle host = HostOracle.start();
        SoftOracle soft = new SoftOracle()) {
      List<OracleResult> expected = host.execute(corpus.stream().map(Corpus.Saved::asked).toList());
      for (int i = 0; i < corpus.size(); i++) {
        Corpus.Saved one = corpus.get(i);
        List<String> differences =
            Comparison.differences(
                one.form(),
                undefinedFlags.mask(one.form()),
                one.asked(),
                expected.get(i),
                soft.execute(one.asked()));
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

  private void run(String table, int factor) throws IOException, InterruptedException {
    Assumptions.assumeTrue(HostOracle.available(), "SKIPPED: the oracle needs gcc on Linux x86-64");
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.println("oracle " + table + ": seed " + seed);
    String only = System.getProperty("lockstep.form", "");
    List<Form> forms = Form.load(table);
    Map<String, List<String>> failures = new LinkedHashMap<>();
    long cases = 0;
    int variants = 0;
    try (HostOracle host = HostOracle.start();
        SoftOracle soft = new SoftOracle()) {
      Random random = new Random(seed);
      for (Form form : forms) {
        if (!form.line().contains(only)) {
          continue;
        }
        List<Variant> all = Variant.of(form);
        assertThat(all).as("variants of %s", form.line()).isNotEmpty();
        int each = factor * Math.max(24, (CASES_PER_FORM + all.size() - 1) / all.size());
        for (Variant variant : all) {
          variants++;
          cases += each;
          List<String> found = compare(host, soft, variant, random, each);
          if (!found.isEmpty()) {
            failures.put(variant.describe(), found);
          }
        }
      }
    }
    System.out.printf(
        "oracle %s: %d forms, %d variants, %d cases, %d variants differ%n",
        table, forms.size(), variants, cases, failures.size());
    assertThat(failures.entrySet().stream().limit(SHOWN_VARIANTS).toList())
        .as("variants that differ from the host (of %d; seed %d)", failures.size(), seed)
        .isEmpty();
  }

  private List<String> compare(
      HostOracle host, SoftOracle soft, Variant variant, Random random, int count)
      throws IOException {
    CaseBuilder builder = new CaseBuilder(random, variant);
    List<OracleCase> cases = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      cases.add(builder.build());
    }
    List<OracleResult> expected = host.execute(cases);
    List<String> found = new ArrayList<>();
    long mask = undefinedFlags.mask(variant.form());
    for (int i = 0; i < count; i++) {
      List<String> differences;
      try {
        OracleResult got = soft.execute(cases.get(i));
        differences =
            Comparison.differences(variant.form(), mask, cases.get(i), expected.get(i), got);
      } catch (AssertionError e) {
        differences = List.of(String.valueOf(e.getMessage()));
      }
      if (!differences.isEmpty() && found.size() < SHOWN_PER_VARIANT) {
        found.add(differences + " in " + cases.get(i));
        if (found.size() == 1) {
          Corpus.save(variant.form(), cases.get(i));
        }
      }
    }
    return found;
  }
}

package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Assumptions;

/** Whole tables and the corpus on a real CPU. Prints lines that begin with {@code oracle}, with the seed; set {@code -Dlockstep.seed} to repeat, {@code -Dlockstep.form} for some forms only. */
public final class OracleCampaign {
  /** The form tables. */
  public static final List<String> TABLES = List.of("forms.txt", "forms-sse.txt", "forms-x87.txt");

  private static final String SSE_TABLE = "forms-sse.txt";

  private static final int SHOWN_VARIANTS = 60;

  private OracleCampaign() {}

  /** Fails unless the software CPU does what the real one does, in every form of a table that the real one can be asked. */
  public static void run(RealCpu real, String table, Depth depth) throws IOException {
    assumeComparable(real, table);
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.printf("oracle %s %s: seed %d%n", real.name(), table, seed);
    String only = System.getProperty("lockstep.form", "");
    List<Form> forms =
        Form.load(table).stream().filter(form -> form.line().contains(only)).toList();
    try (OracleRun run = new OracleRun(real, seed, true)) {
      for (Form form : forms) {
        run.form(form, depth);
      }
      print(real, table, run);
      assertThat(run.fewest).as("cases of a variant").isGreaterThanOrEqualTo(depth.perVariant());
      assertThat(forms.stream().filter(isAsked(real)).toList())
          .as("forms with their cases")
          .allSatisfy(form ->
              assertThat(run.casesByForm.getOrDefault(form, 0L))
                  .as(form.line())
                  .isGreaterThanOrEqualTo(least(real, form, depth)));
      assertThat(run.failures.entrySet().stream().limit(SHOWN_VARIANTS).toList())
          .as(
              "variants that differ from the CPU by way of the %s (of %d; seed %d)",
              real.name(), run.failures.size(), seed)
          .isEmpty();
    }
  }

  /**
   * Skips by name what is not to be compared with this processor. The software CPU follows AMD's where makers differ, and on an Intel family 6 model 167 these were seen to: double shifts of 16 bits by more than
   * that, pushes of segment registers, PAUSE with REX.B, stack accesses and strings that fault, x87 stores that fault or have an unmasked exception. SSE agrees on both.
   *
   * @param table one of {@link #TABLES}; empty for the corpus, which has cases of all
   */
  private static void assumeComparable(RealCpu real, String table) {
    Assumptions.assumeTrue(
        real.isAmd() || table.equals(SSE_TABLE),
        "SKIPPED: %s is not compared with this processor: the software CPU follows AMD's where makers differ"
            .formatted(table.isEmpty() ? "the corpus" : table));
  }

  /** Whether any variant of a form can be asked. */
  private static Predicate<Form> isAsked(RealCpu real) {
    return form ->
        Variant.of(form).stream()
            .anyMatch(variant -> real.cannotExecute(form, variant.mode()).isEmpty());
  }

  /** Of a form some of whose variants are skipped, what the others have. */
  private static long least(RealCpu real, Form form, Depth depth) {
    List<Variant> all = Variant.of(form);
    long asked = all.stream().filter(one -> real.cannotExecute(form, one.mode()).isEmpty()).count();
    return asked == all.size() ? depth.perForm() : asked * depth.perVariant();
  }

  private static void print(RealCpu real, String table, OracleRun run) {
    String prefix = "oracle " + real.name() + " " + table;
    System.out.printf(
        "%s: %d forms, %d variants, %d cases, at least %d of a form and %d of a variant, %d variants differ; %d cases raised the other of two faults whose order is open%n",
        prefix,
        run.casesByForm.size(),
        run.variants,
        run.casesByForm.values().stream().mapToLong(Long::longValue).sum(),
        run.casesByForm.values().stream().mapToLong(Long::longValue).min().orElse(0),
        run.fewest,
        run.failures.size(),
        run.otherOrder);
    if (run.adapted > 0) {
      System.out.printf("%s: %d cases changed so that it can be asked%n", prefix, run.adapted);
    }
    run.unasked.forEach((reason, count) ->
        System.out.printf("%s: SKIPPED %d variants: %s%n", prefix, count, reason));
    run.untold.forEach((reason, count) ->
        System.out.printf("%s: not compared, %d cases: %s%n", prefix, count, reason));
  }

  /** Fails unless every case that once differed agrees. */
  public static void replayCorpus(RealCpu real) throws IOException {
    assumeComparable(real, "");
    List<Corpus.Saved> corpus = Corpus.load();
    List<String> found = new ArrayList<>();
    try (OracleRun run = new OracleRun(real, 0, false)) {
      for (Corpus.Saved one : corpus) {
        List<String> differences = run.differences(one.form(), one.asked());
        if (!differences.isEmpty()) {
          found.add(one.file() + ": " + differences);
        }
      }
      System.out.printf(
          "oracle %s corpus: %d cases, %d differ, skipped %s, not compared %s%n",
          real.name(), corpus.size(), found.size(), run.unasked, run.untold);
    }
    assertThat(found).as("cases of the corpus that differ").isEmpty();
  }
}

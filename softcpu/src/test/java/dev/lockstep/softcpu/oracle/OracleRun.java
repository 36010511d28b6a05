package dev.lockstep.softcpu.oracle;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Random cases of forms, on the host and on the software CPU. */
public final class OracleRun implements AutoCloseable {
  /** At least this many cases of every form are required, sampled runs included. */
  static final int CASES_PER_FORM = 200;

  private static final int LEAST_PER_VARIANT = 16;
  private static final int SHOWN_PER_VARIANT = 2;

  private final UndefinedFlags undefinedFlags = new UndefinedFlags();
  private final HostOracle host;
  private final SoftOracle soft = new SoftOracle();
  private final Random random;
  private final boolean keeping;
  private final boolean amd = HostOracle.isAmd();

  /** Cases executed, by form. */
  final Map<Form, Long> casesByForm = new LinkedHashMap<>();

  /** What differed, by variant. */
  final Map<String, List<String>> failures = new LinkedHashMap<>();

  int variants;

  /** Cases in which the host raised the other of two faults that the manual leaves to the processor. */
  long otherOrder;

  /** The fewest cases that any variant had. */
  long fewest = Long.MAX_VALUE;

  /**
   * @param seed of the cases
   * @param keeping whether a case that differs is kept in the {@link Corpus}
   */
  OracleRun(long seed, boolean keeping) throws IOException, InterruptedException {
    this.host = HostOracle.start();
    this.random = new Random(seed);
    this.keeping = keeping;
  }

  /** Whether the host can be asked. */
  public static boolean available() {
    return HostOracle.available();
  }

  /**
   * Runs the forms of a table whose lines begin in a certain way.
   *
   * @return the first difference, or an empty string
   */
  public static String firstDifference(String table, String line, long seed)
      throws IOException, InterruptedException {
    try (OracleRun run = new OracleRun(seed, false)) {
      List<Form> forms =
          Form.load(table).stream().filter(form -> form.line().startsWith(line)).toList();
      if (forms.isEmpty()) {
        throw new IllegalArgumentException("no form of " + table + " begins with " + line);
      }
      for (Form form : forms) {
        run.form(form, 1);
        if (!run.failures.isEmpty()) {
          return run.failures.entrySet().iterator().next().toString();
        }
      }
      return "";
    }
  }

  /** Runs every variant of a form, {@code factor} times as many cases as are required. */
  void form(Form form, int factor) throws IOException {
    List<Variant> all = Variant.of(form);
    if (all.isEmpty()) {
      throw new IllegalStateException("no variant of " + form.line());
    }
    int each = factor * Math.max(LEAST_PER_VARIANT, (CASES_PER_FORM + all.size() - 1) / all.size());
    for (Variant variant : all) {
      if (!amd && variant.isAmdOnly()) {
        continue;
      }
      variants++;
      fewest = Math.min(fewest, each);
      List<String> found = compare(variant, each);
      if (!found.isEmpty()) {
        failures.put(variant.describe(), found);
      }
    }
  }

  private List<String> compare(Variant variant, int count) throws IOException {
    CaseBuilder builder = new CaseBuilder(random, variant);
    List<OracleCase> cases = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      cases.add(builder.build());
    }
    List<OracleResult> expected = host.execute(cases);
    List<String> found = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<String> differences = differences(variant.form(), cases.get(i), expected.get(i));
      casesByForm.merge(variant.form(), 1L, Long::sum);
      if (!differences.isEmpty() && found.size() < SHOWN_PER_VARIANT) {
        found.add(differences + " in " + cases.get(i));
        if (keeping && found.size() == 1) {
          Corpus.save(variant.form(), cases.get(i));
        }
      }
    }
    return found;
  }

  /** In what the software CPU differs from the host's answer. */
  private List<String> differences(Form form, OracleCase asked, OracleResult expected) {
    long mask = undefinedFlags.mask(form, asked, amd);
    try {
      OracleResult ours = soft.execute(asked);
      List<String> found = Comparison.differences(form, mask, asked, expected, ours);
      if (found.isEmpty() || !FaultOrder.isOpen(form) || !ours.faulted()) {
        return found;
      }
      OracleResult second = soft.execute(FaultOrder.secondOperand(asked, ours));
      boolean other =
          second.faulted()
              && Comparison.differences(form, mask, asked, expected, ours.withFaultOf(second))
                  .isEmpty();
      otherOrder += other ? 1 : 0;
      return other ? List.of() : found;
    } catch (AssertionError e) {
      return List.of(String.valueOf(e.getMessage()));
    }
  }

  /** In what the two differ on one case. */
  List<String> differences(Form form, OracleCase asked) throws IOException {
    return differences(form, asked, host.execute(List.of(asked)).getFirst());
  }

  @Override
  public void close() throws IOException {
    host.close();
    soft.close();
  }
}

package dev.lockstep.softcpu.oracle;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;

/** Random cases of forms, on a real CPU and on the software CPU. */
public final class OracleRun implements AutoCloseable {
  private static final int SHOWN_PER_VARIANT = 2;

  /** Cases kept by one run: a mistake that shows everywhere leaves no thousands of files. */
  private static final int MAX_KEPT = 20;

  private final UndefinedFlags undefinedFlags = new UndefinedFlags();
  private final RealCpu real;
  private final SoftOracle soft = new SoftOracle();
  private final Random random;
  private int toKeep;
  private final boolean amd;

  /** Cases executed, by form. */
  final Map<Form, Long> casesByForm = new LinkedHashMap<>();

  /** What differed, by variant. */
  final Map<String, List<String>> failures = new LinkedHashMap<>();

  /** Variants that the real CPU could not be asked, by reason. */
  final Map<String, Integer> unasked = new TreeMap<>();

  /** Cases whose results were not the real CPU's own, by reason. */
  final Map<String, Integer> untold = new TreeMap<>();

  int variants;

  /** Cases that were changed before they could be asked. */
  long adapted;

  /** Cases in which the real CPU raised the other of two faults that the manual leaves to the processor. */
  long otherOrder;

  /** The fewest cases that any variant had. */
  long fewest = Long.MAX_VALUE;

  /**
   * @param real compared with; not closed with this
   * @param seed of the cases
   * @param keeping whether the first cases that differ are kept in the {@link Corpus}
   */
  OracleRun(RealCpu real, long seed, boolean keeping) {
    this.real = real;
    this.random = new Random(seed);
    this.toKeep = keeping ? MAX_KEPT : 0;
    this.amd = real.isAmd();
  }

  /** Whether the host can be asked. */
  public static boolean available() {
    return HostOracle.available();
  }

  /**
   * Runs the forms of a table whose lines begin in a certain way, on the host.
   *
   * @return the first difference, or an empty string
   */
  public static String firstDifference(String table, String line, long seed)
      throws IOException, InterruptedException {
    try (HostOracle host = HostOracle.start();
        OracleRun run = new OracleRun(host, seed, false)) {
      List<Form> forms =
          Form.load(table).stream().filter(form -> form.line().startsWith(line)).toList();
      if (forms.isEmpty()) {
        throw new IllegalArgumentException("no form of " + table + " begins with " + line);
      }
      for (Form form : forms) {
        run.form(form, Depth.SAMPLE);
        if (!run.failures.isEmpty()) {
          return run.failures.entrySet().iterator().next().toString();
        }
      }
      return "";
    }
  }

  /** Runs every variant of a form that the real CPU can be asked. */
  void form(Form form, Depth depth) throws IOException {
    List<Variant> all = Variant.of(form);
    if (all.isEmpty()) {
      throw new IllegalStateException("no variant of " + form.line());
    }
    int each = depth.each(all.size());
    for (Variant variant : all) {
      Optional<String> reason =
          !amd && variant.isAmdOnly()
              ? Optional.of("of 16 bits on AMD's processors only")
              : real.cannotExecute(form, variant.mode());
      if (reason.isPresent()) {
        unasked.merge(reason.get(), 1, Integer::sum);
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
      cases.add(askable(builder.build()));
    }
    List<OracleResult> expected = real.execute(cases);
    List<String> found = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<String> differences = differences(variant.form(), cases.get(i), expected.get(i));
      casesByForm.merge(variant.form(), 1L, Long::sum);
      if (!differences.isEmpty() && found.size() < SHOWN_PER_VARIANT) {
        found.add(differences + " in " + cases.get(i));
        if (toKeep > 0 && found.size() == 1) {
          toKeep--;
          Corpus.save(variant.form(), cases.get(i));
        }
      }
    }
    return found;
  }

  private OracleCase askable(OracleCase wanted) {
    OracleCase asked = real.askable(wanted);
    adapted += asked == wanted ? 0 : 1;
    return asked;
  }

  /** In what the software CPU differs from the real CPU's answer. */
  private List<String> differences(Form form, OracleCase asked, OracleResult expected)
      throws IOException {
    List<String> found = judge(form, asked, expected);
    if (found.isEmpty() || !real.mayBeDisturbed(expected)) {
      return found;
    }
    List<String> again = judge(form, asked, real.execute(List.of(asked)).getFirst());
    if (again.isEmpty()) {
      untold.merge("agreed when asked again", 1, Integer::sum);
    }
    return again;
  }

  private List<String> judge(Form form, OracleCase asked, OracleResult expected) {
    long mask = undefinedFlags.mask(form, asked, amd);
    try {
      OracleResult ours = soft.execute(asked);
      List<String> found = Comparison.differences(form, mask, asked, expected, ours);
      if (found.isEmpty()) {
        return found;
      }
      if (FaultOrder.isOpen(form) && ours.faulted()) {
        OracleResult second = soft.execute(FaultOrder.secondOperand(asked, ours));
        OracleResult other = ours.withFaultOf(second);
        if (second.faulted()
            && Comparison.differences(form, mask, asked, expected, other).isEmpty()) {
          otherOrder++;
          return List.of();
        }
      }
      Optional<String> untellable = real.cannotTell(form, expected, ours);
      untellable.ifPresent(reason -> untold.merge(reason, 1, Integer::sum));
      return untellable.isPresent() ? List.of() : found;
    } catch (AssertionError e) {
      return List.of(String.valueOf(e.getMessage()));
    }
  }

  /** In what the two differ on one case; nothing where it cannot be asked. */
  List<String> differences(Form form, OracleCase wanted) throws IOException {
    Optional<String> reason = real.cannotExecute(form, wanted.mode());
    if (reason.isPresent()) {
      unasked.merge(reason.get(), 1, Integer::sum);
      return List.of();
    }
    OracleCase asked = askable(wanted);
    return differences(form, asked, real.execute(List.of(asked)).getFirst());
  }

  @Override
  public void close() {
    soft.close();
  }
}

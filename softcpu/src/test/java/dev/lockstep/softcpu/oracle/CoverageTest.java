package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.DecodedForm;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The oracle's forms and the decode table are the same: every entry is in the form tables, or it is named, with the reason, in {@code not-in-oracle.txt}. */
final class CoverageTest {
  private static final int CASES = 12;
  private static final int SHOWN = 80;

  @Test
  void everyEntryOfTheDecodeTableIsExecutedOrNamed() {
    Set<DecodedForm> executed = executed();
    Set<DecodedForm> known = DecodedForm.all();
    List<NotExecuted> listed = NotExecuted.load();
    Set<NotExecuted> needed = new HashSet<>();
    TreeMap<String, Integer> missing = new TreeMap<>();
    int named = 0;
    for (DecodedForm form : known) {
      if (executed.contains(form)) {
        continue;
      }
      List<NotExecuted> matching = listed.stream().filter(one -> one.matches(form)).toList();
      needed.addAll(matching);
      if (matching.isEmpty()) {
        missing.merge(form.toString(), 1, Integer::sum);
      } else {
        named++;
      }
    }
    System.out.printf(
        "oracle coverage: %d entries of the decode table, %d executed, %d named as not executed, %d neither%n",
        known.size(), known.size() - named - missing.size(), named, missing.size());
    List<String> idle = new ArrayList<>();
    for (NotExecuted one : listed) {
      if (!needed.contains(one)) {
        idle.add(one.line());
      }
    }
    assertThat(missing.keySet().stream().limit(SHOWN).toList())
        .as("entries of the decode table that are neither executed nor named")
        .isEmpty();
    assertThat(idle).as("lines of not-in-oracle.txt that name nothing").isEmpty();
  }

  /** The entries that the form tables' cases belong to. */
  private static Set<DecodedForm> executed() {
    Random random = new Random(1);
    Set<DecodedForm> executed = new HashSet<>();
    for (String table : OracleCampaign.TABLES) {
      for (Form form : Form.load(table)) {
        for (Variant variant : Variant.of(form)) {
          CaseBuilder builder = new CaseBuilder(random, variant);
          for (int i = 0; i < CASES; i++) {
            OracleCase one = builder.build();
            executed.add(DecodedForm.of(one.bits(), one.code()));
          }
        }
      }
    }
    return executed;
  }
}

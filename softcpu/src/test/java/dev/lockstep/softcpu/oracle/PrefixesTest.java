package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Prefixes that mean nothing to the model although something to some hosts, so that the oracle leaves them out (see {@code not-in-oracle.txt}): with and without them the software CPU does the same. */
final class PrefixesTest {
  private static final int CASES = 50;

  private final long seed = Long.getLong("lockstep.seed", System.nanoTime());
  private final Random random = new Random(seed);

  @Test
  void bitScansAreNotZeroCounts() {
    for (Form form : forms("nof3")) {
      for (Variant variant : Variant.of(form)) {
        if (variant.rep() == 0) {
          compare(variant, 0xf3);
        }
      }
    }
  }

  @Test
  void loopsKeepTheirCondition() {
    for (Form form : forms("count32")) {
      for (Variant variant : Variant.of(form)) {
        if (variant.rep() == 0) {
          compare(variant, 0xf2);
          compare(variant, 0xf3);
        }
      }
    }
  }

  @Test
  void nearBranchesOf64BitsIgnoreTheOperandSize() {
    int variants = 0;
    for (Form form : Form.load("forms.txt")) {
      for (Variant variant : Variant.of(form)) {
        if (Variant.isBranch(form)
            && variant.mode() == OracleCase.MODE_64
            && variant.rep() == 0
            && !variant.rexW()) {
          compare(variant, 0x66);
          variants++;
        }
      }
    }
    assertThat(variants).isGreaterThan(50);
  }

  private static List<Form> forms(String attribute) {
    List<Form> forms = Form.load("forms.txt").stream().filter(form -> form.has(attribute)).toList();
    assertThat(forms).isNotEmpty();
    return forms;
  }

  private void compare(Variant variant, int prefix) {
    if (variant.addressing() == Variant.Addressing.RIP_RELATIVE) {
      // Another operand, a byte further on.
      return;
    }
    CaseBuilder builder = new CaseBuilder(random, variant);
    try (SoftOracle soft = new SoftOracle()) {
      for (int i = 0; i < CASES; i++) {
        OracleCase plain = builder.build();
        compare(variant.form(), plain, prefix, soft);
      }
    }
  }

  /** What is relative to the next instruction is one byte further with the prefix. */
  private void compare(Form form, OracleCase plain, int prefix, SoftOracle soft) {
    byte[] code = new byte[plain.code().length + 1];
    code[0] = (byte) prefix;
    System.arraycopy(plain.code(), 0, code, 1, plain.code().length);
    OracleResult expected = soft.execute(plain);
    OracleResult found = soft.execute(plain.withCode(code));
    boolean absolute = form.has("target") || form.has("return");
    boolean further = found.vector() == OracleResult.NO_EXCEPTION && !absolute;
    String what = "%s with %x in %s (seed %d)".formatted(form.line(), prefix, plain, seed);
    assertThat(found.vector()).as(what).isEqualTo(expected.vector());
    assertThat(found.rip()).as(what).isEqualTo(expected.rip() + (further ? 1 : 0));
    assertThat(found.gpr()).as(what).isEqualTo(expected.gpr());
    assertThat(found.rflags()).as(what).isEqualTo(expected.rflags());
  }
}

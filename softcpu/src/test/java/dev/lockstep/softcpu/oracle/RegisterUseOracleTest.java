package dev.lockstep.softcpu.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.RegisterUse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * What an instruction is said to read and write is what it does: nothing else changes, other values in all registers that it does not read change nothing of what it does, and of what it is said to read
 * and write there is a case in which all of it matters.
 */
final class RegisterUseOracleTest {
  private static final Depth DEPTH = new Depth(80, 4);
  private static final int TRIES = 3;
  private static final long VOLATILE_FLAGS = 0xcd5;
  private static final int MXCSR = 24;
  private static final int MXCSR_END = 32;
  private static final int REGISTERS_END = 160;

  private final long seed = Long.getLong("lockstep.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> wrong = new ArrayList<>();

  /** Of a form: the cases that completed, and whether in one of them all that was said mattered. */
  private static final class Seen {
    int completed;
    boolean allRead;
    boolean allWritten;
    String example = "";

    boolean exact() {
      return allRead && allWritten;
    }
  }

  @Test
  void whatIsSaidIsWhatMatters() {
    System.out.printf("register use: seed %d%n", seed);
    Map<String, Seen> forms = new TreeMap<>();
    try (SoftOracle soft = new SoftOracle()) {
      for (String table : OracleCampaign.TABLES) {
        for (Form form : Form.load(table)) {
          Seen seen = forms.computeIfAbsent(key(form), _ -> new Seen());
          List<Variant> variants = Variant.of(form);
          int each = DEPTH.each(variants.size());
          for (Variant variant : variants) {
            CaseBuilder builder = new CaseBuilder(random, variant);
            for (int i = 0; i < each; i++) {
              check(soft, form, builder.build(), seen);
            }
          }
        }
      }
    }
    int completed = forms.values().stream().mapToInt(seen -> seen.completed).sum();
    System.out.printf("register use: %d forms, %d cases completed%n", forms.size(), completed);
    assertThat(wrong).as("seed %d", seed).isEmpty();
    List<String> idle = new ArrayList<>();
    forms.forEach((line, seen) -> {
      if (seen.completed > 0 && !seen.exact()) {
        idle.add(
            "%s: reads %s writes %s, %s"
                .formatted(line, seen.allRead, seen.allWritten, seen.example));
      }
    });
    assertThat(idle).as("forms of which too much is said; seed %d", seed).isEmpty();
  }

  /** Forms that are looked at together: those of the x87 that differ by the register of its stack, which may be ST(0) itself. */
  private static String key(Form form) {
    String line = form.line();
    return form.has("x87") ? line.substring(line.indexOf(' ')) : line;
  }

  private void check(SoftOracle soft, Form form, OracleCase asked, Seen seen) {
    OracleResult base = soft.execute(asked);
    if (base.faulted()) {
      return;
    }
    seen.completed++;
    RegisterUse use = RegisterUse.of(asked.bits(), asked.code());
    BitSet changed = changed(asked, base);
    BitSet said = bits(use.writes());
    if (!isSubset(changed, said)) {
      report(form, asked, "writes %s, said %s".formatted(changed, said));
    }
    BitSet others = bits(~use.reads());
    OracleCase disturbed = disturbed(asked, others);
    String difference = difference(use, others, disturbed, base, soft.execute(disturbed));
    if (!difference.isEmpty()) {
      report(form, asked, "reads more than %s: %s".formatted(bits(use.reads()), difference));
    }
    if (!seen.exact()) {
      said.clear(RegisterUse.FPU);
      if (!form.value("flags").isEmpty()) {
        // Undefined ones are written as well.
        said.clear(RegisterUse.FLAGS);
      }
      seen.allWritten |= isSubset(said, changed) || form.name().equals("into");
      seen.allRead |= allMatter(soft, use, asked, base);
      seen.example = "%s: reads %s, writes %s".formatted(asked, bits(use.reads()), said);
    }
  }

  private static boolean isSubset(BitSet some, BitSet all) {
    BitSet rest = (BitSet) some.clone();
    rest.andNot(all);
    return rest.isEmpty();
  }

  /** Whether another value in any register that is read makes a difference. Not asked of the instruction pointer, and of the x87's registers, which are one here. */
  private boolean allMatter(SoftOracle soft, RegisterUse use, OracleCase asked, OracleResult base) {
    for (int register = 0; register < RegisterUse.FPU; register++) {
      boolean asks = register != RegisterUse.INSTRUCTION_POINTER && use.reads(register);
      if (asks && !matters(soft, use, asked, register, base)) {
        return false;
      }
    }
    return true;
  }

  private boolean matters(
      SoftOracle soft, RegisterUse use, OracleCase asked, int register, OracleResult base) {
    BitSet one = new BitSet();
    one.set(register);
    for (int i = 0; i < TRIES; i++) {
      OracleCase disturbed = disturbed(asked, one);
      if (!difference(use, one, disturbed, base, soft.execute(disturbed)).isEmpty()) {
        return true;
      }
    }
    return false;
  }

  private void report(Form form, OracleCase asked, String what) {
    if (wrong.size() < 60) {
      wrong.add("%s: %s in %s".formatted(form.line(), what, asked));
    }
  }

  private static BitSet bits(long mask) {
    BitSet bits = BitSet.valueOf(new long[] {mask});
    bits.clear(RegisterUse.COUNT, 64);
    return bits;
  }

  /** Registers that have other values than before; the instruction pointer if it is not that of the next instruction. */
  private static BitSet changed(OracleCase asked, OracleResult result) {
    BitSet changed = new BitSet();
    for (int i = 0; i < 16; i++) {
      changed.set(i, result.gpr()[i] != asked.gpr()[i]);
      changed.set(RegisterUse.XMM + i, !sameXmm(asked.fxsave(), result.fxsave(), i));
    }
    changed.set(RegisterUse.FLAGS, ((result.rflags() ^ asked.rflags()) & VOLATILE_FLAGS) != 0);
    changed.set(
        RegisterUse.INSTRUCTION_POINTER, result.rip() != asked.entry() + asked.code().length);
    changed.set(RegisterUse.FPU, !sameFpu(asked.fxsave(), result.fxsave()));
    return changed;
  }

  private static boolean sameXmm(byte[] one, byte[] other, int register) {
    int at = REGISTERS_END + 16 * register;
    return Arrays.equals(one, at, at + 16, other, at, at + 16);
  }

  private static boolean sameFpu(byte[] one, byte[] other) {
    return Arrays.equals(one, 0, MXCSR, other, 0, MXCSR)
        && Arrays.equals(one, MXCSR_END, REGISTERS_END, other, MXCSR_END, REGISTERS_END);
  }

  /** The same with other values in some registers. */
  private OracleCase disturbed(OracleCase asked, BitSet which) {
    long[] gpr = asked.gpr().clone();
    int registers = asked.mode() == OracleCase.MODE_64 ? 16 : 8;
    long mask = asked.mode() == OracleCase.MODE_64 ? -1L : 0xffff_ffffL;
    byte[] fxsave = asked.fxsave().clone();
    byte[] other = new FpValues(random).image(Form.parse("D9.C0 x fld x87"));
    for (int i = 0; i < 16; i++) {
      if (which.get(i) && i < registers) {
        gpr[i] =
            (random.nextBoolean() ? random.nextLong() : gpr[i] ^ 1L << random.nextInt(64)) & mask;
      }
      if (which.get(RegisterUse.XMM + i)) {
        for (int at = REGISTERS_END + 16 * i; at < REGISTERS_END + 16 * i + 16; at++) {
          fxsave[at] = (byte) random.nextInt();
        }
      }
    }
    if (which.get(RegisterUse.FPU)) {
      System.arraycopy(other, 0, fxsave, 0, MXCSR);
      System.arraycopy(other, MXCSR_END, fxsave, MXCSR_END, REGISTERS_END - MXCSR_END);
    }
    long rflags = asked.rflags();
    if (which.get(RegisterUse.FLAGS)) {
      rflags = rflags & ~VOLATILE_FLAGS | random.nextLong() & VOLATILE_FLAGS;
    }
    return new OracleCase(
        asked.code(),
        asked.mode(),
        asked.protection(),
        asked.codeOffset(),
        gpr,
        rflags,
        asked.fsBase(),
        asked.operand(),
        fxsave,
        asked.data(),
        asked.stack());
  }

  /** In what an instruction did something else where some registers had other values; empty if it only kept these. */
  private static String difference(
      RegisterUse use, BitSet which, OracleCase asked, OracleResult base, OracleResult result) {
    if (result.faulted() || result.rip() != base.rip()) {
      return "vector %d, rip %x".formatted(result.vector(), result.rip());
    }
    if (!Arrays.equals(result.data(), base.data())
        || !Arrays.equals(result.stack(), base.stack())) {
      return "memory";
    }
    for (int i = 0; i < 16; i++) {
      boolean kept = which.get(i) && !use.writes(i);
      if (result.gpr()[i] != (kept ? asked.gpr()[i] : base.gpr()[i])) {
        return "register " + i;
      }
      int xmm = RegisterUse.XMM + i;
      boolean keptXmm = which.get(xmm) && !use.writes(xmm);
      if (!sameXmm(result.fxsave(), keptXmm ? asked.fxsave() : base.fxsave(), i)) {
        return "register " + xmm;
      }
    }
    boolean keptFpu = which.get(RegisterUse.FPU) && !use.writes(RegisterUse.FPU);
    if (!sameFpu(result.fxsave(), keptFpu ? asked.fxsave() : base.fxsave())) {
      return "x87";
    }
    // An instruction may set some flags and keep others.
    long kept = which.get(RegisterUse.FLAGS) ? result.rflags() ^ asked.rflags() : -1L;
    return ((result.rflags() ^ base.rflags()) & kept & VOLATILE_FLAGS) == 0 ? "" : "flags";
  }
}

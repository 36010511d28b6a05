package dev.lockstep.softcpu.oracle;

import java.util.ArrayList;
import java.util.List;

/**
 * A form with every choice made that coverage counts: mode, operand size, register or memory, addressing mode, LOCK and REP.
 *
 * @param mode 64 or 32
 * @param operandPrefix 0x66 is present
 * @param rexW REX.W is set
 * @param addressing how the r/m operand is given
 * @param lock LOCK is present
 * @param rep 0, 0xf2 or 0xf3
 */
record Variant(
    Form form,
    int mode,
    boolean operandPrefix,
    boolean rexW,
    Addressing addressing,
    boolean lock,
    int rep) {

  /** Kinds of r/m operand; each is an own decode path. */
  enum Addressing {
    REGISTER,
    BASE,
    BASE_DISP8,
    BASE_DISP32,
    BASE_INDEX,
    INDEX_DISP32,
    ABSOLUTE,
    RIP_RELATIVE,
    BASE_INDEX_ADDRESS32,
    FS_BASE,
    IMPLIED
  }

  String describe() {
    return "%s [%d-bit%s%s %s%s%s]"
        .formatted(
            form.line(),
            mode,
            operandPrefix ? " 66" : "",
            rexW ? " REX.W" : "",
            addressing,
            lock ? " LOCK" : "",
            rep == 0 ? "" : " REP" + Integer.toHexString(rep));
  }

  /** Every variant of a form. */
  static List<Variant> of(Form form) {
    List<Variant> variants = new ArrayList<>();
    for (int mode : new int[] {64, 32}) {
      if (mode == 64 ? form.has("m32") : form.has("m64")) {
        continue;
      }
      for (int width = 0; width < 3; width++) {
        boolean prefix = width == 1;
        boolean rexW = width == 2;
        if (sizeApplies(form, mode, prefix, rexW)) {
          addAddressings(variants, form, mode, prefix, rexW);
        }
      }
    }
    return variants;
  }

  private static boolean sizeApplies(Form form, int mode, boolean prefix, boolean rexW) {
    if (rexW && mode != 64) {
      return false;
    }
    return switch (form.size()) {
      case "v" -> true;
      case "y" -> !prefix;
      case "z" -> !rexW;
      // Near branches with 66 differ between vendors in 64-bit mode (SDM vol. 2A, CALL: Intel
      // ignores it).
      case "s" -> !rexW && !(prefix && isBranch(form));
      default -> !prefix && !rexW;
    };
  }

  private static boolean isBranch(Form form) {
    return form.has("target") || form.has("return");
  }

  private static void addAddressings(
      List<Variant> variants, Form form, int mode, boolean prefix, boolean rexW) {
    List<Integer> reps = new ArrayList<>(List.of(0));
    if (form.has("rep")) {
      reps.add(0xf3);
    } else if (form.has("repz")) {
      reps.add(0xf3);
      reps.add(0xf2);
    }
    if (!form.hasModrm()) {
      for (int rep : reps) {
        variants.add(new Variant(form, mode, prefix, rexW, Addressing.IMPLIED, false, rep));
      }
      return;
    }
    for (Addressing addressing : Addressing.values()) {
      boolean memory = addressing != Addressing.REGISTER;
      boolean possible =
          switch (addressing) {
            case IMPLIED -> false;
            case REGISTER -> !form.has("memonly");
            case RIP_RELATIVE, BASE_INDEX_ADDRESS32 -> mode == 64 && !form.has("reg");
            default -> !form.has("reg");
          };
      if (possible) {
        variants.add(new Variant(form, mode, prefix, rexW, addressing, false, 0));
        if (memory && form.has("lock")) {
          variants.add(new Variant(form, mode, prefix, rexW, addressing, true, 0));
        }
      }
    }
  }

  /** Operand size in bits, where the form's size depends on prefixes. */
  int operandBits() {
    return switch (form.size()) {
      case "b" -> 8;
      case "w" -> 16;
      case "d" -> 32;
      case "q" -> 64;
      case "s" -> operandPrefix ? 16 : mode;
      case "x" -> 0;
      default -> rexW ? 64 : operandPrefix ? 16 : 32;
    };
  }
}

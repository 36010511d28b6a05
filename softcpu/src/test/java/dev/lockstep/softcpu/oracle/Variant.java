package dev.lockstep.softcpu.oracle;

import java.util.ArrayList;
import java.util.List;

/**
 * A form with every choice made that coverage counts: mode, operand size, register or memory, addressing mode, LOCK and REP.
 *
 * @param mode as {@link OracleCase} has it
 * @param operandPrefix 0x66 is present
 * @param rexW REX.W is set
 * @param addressing how the r/m operand is given
 * @param lock LOCK is present
 * @param rep 0, 0xf2 or 0xf3
 */
public record Variant(
    Form form,
    int mode,
    boolean operandPrefix,
    boolean rexW,
    Addressing addressing,
    boolean lock,
    int rep) {

  static final int[] MODES = {
    OracleCase.MODE_64, OracleCase.MODE_32, OracleCase.SEGMENTED_32, OracleCase.SEGMENTED_16
  };

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
    /** BX or BP, SI or DI, a displacement. */
    ADDRESS16,
    /** Any other segment than the address's own. */
    OVERRIDE,
    IMPLIED,
    /** Implied registers, an address in the instruction, or a counter, of the other address size (67). */
    IMPLIED_OTHER_SIZE
  }

  String describe() {
    return "%s [mode %d%s%s %s%s%s]"
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
    for (int mode : MODES) {
      boolean here = mode == OracleCase.MODE_64 ? !form.has("m32") : !form.has("m64");
      if (!here) {
        continue;
      }
      for (int width = 0; width < 4; width++) {
        boolean prefix = (width & 1) != 0;
        boolean rexW = width > 1;
        if (sizeApplies(form, mode, prefix, rexW)) {
          addAddressings(variants, form, mode, prefix, rexW);
        }
      }
    }
    return variants;
  }

  private static boolean sizeApplies(Form form, int mode, boolean prefix, boolean rexW) {
    boolean flat = !OracleCase.isSegmented(mode);
    if (rexW && (mode != OracleCase.MODE_64 || form.has("noW"))) {
      return false;
    }
    if (!prefix) {
      return true;
    }
    // Near branches with 66 differ between vendors in 64-bit mode; in flat 32-bit code there is
    // nothing below 64 KiB to go to.
    if (form.has("no66") || flat && isBranch(form)) {
      return false;
    }
    // F2 and F3 win over 66 (SDM vol. 2D, A.2.4.2); without them 66 makes another instruction.
    return !isVector(form) || form.mandatory() == 0xf2 || form.mandatory() == 0xf3;
  }

  private static boolean isVector(Form form) {
    return form.has("sse") || form.has("mmx");
  }

  /** Whether it is a near branch. */
  static boolean isBranch(Form form) {
    return form.has("target") || form.has("return") || form.immediate().startsWith("rel");
  }

  private static void addAddressings(
      List<Variant> variants, Form form, int mode, boolean prefix, boolean rexW) {
    List<Integer> reps = new ArrayList<>(List.of(0));
    boolean string = !form.value("string").isEmpty();
    if (string || repIsIgnored(form) && !prefix && !rexW) {
      if (!form.has("nof2")) {
        reps.add(0xf2);
      }
      if (!form.has("nof3")) {
        reps.add(0xf3);
      }
    }
    if (!form.hasModrm()) {
      for (int rep : reps) {
        variants.add(new Variant(form, mode, prefix, rexW, Addressing.IMPLIED, false, rep));
        // In flat 32-bit code there is nothing below 64 KiB.
        if (mode != OracleCase.MODE_32 && usesAddressSize(form)) {
          variants.add(
              new Variant(form, mode, prefix, rexW, Addressing.IMPLIED_OTHER_SIZE, false, rep));
        }
      }
      return;
    }
    for (Addressing addressing : Addressing.values()) {
      boolean memory = isMemory(addressing);
      boolean wanted = memory ? !form.has("reg") : !form.has("memonly");
      boolean first = addressing == (form.has("memonly") ? Addressing.BASE : Addressing.REGISTER);
      boolean segmented = OracleCase.isSegmented(mode);
      boolean possible =
          wanted
              && switch (addressing) {
                case IMPLIED -> false;
                case IMPLIED_OTHER_SIZE -> form.has("rdi") && mode != OracleCase.MODE_32;
                case RIP_RELATIVE, BASE_INDEX_ADDRESS32 -> mode == OracleCase.MODE_64;
                case FS_BASE -> !segmented;
                case ADDRESS16, OVERRIDE -> segmented;
                default -> true;
              };
      if (possible) {
        for (int rep : first ? reps : List.of(0)) {
          variants.add(new Variant(form, mode, prefix, rexW, addressing, false, rep));
        }
        if (memory && form.has("lock")) {
          variants.add(new Variant(form, mode, prefix, rexW, addressing, true, 0));
        }
      }
    }
  }

  static boolean isMemory(Addressing addressing) {
    return switch (addressing) {
      case REGISTER, IMPLIED, IMPLIED_OTHER_SIZE -> false;
      default -> true;
    };
  }

  /** F2 and F3 mean nothing but to string and vector instructions. */
  private static boolean repIsIgnored(Form form) {
    return !isVector(form) && form.mandatory() == 0 && !form.has("norep");
  }

  /** Whether processors of other vendors do something else: see the form's comment. */
  boolean isAmdOnly() {
    return form.has("amd16") && operandBits() == 16;
  }

  private static boolean usesAddressSize(Form form) {
    return !form.value("string").isEmpty()
        || form.has("count32")
        || form.has("xlat")
        || form.immediate().equals("off");
  }

  /** Operand size in bits, where the form's size depends on prefixes. */
  int operandBits() {
    return switch (form.size()) {
      case "b" -> 8;
      case "w" -> 16;
      case "d" -> 32;
      case "q" -> 64;
      case "s" -> mode == OracleCase.MODE_64 ? operandPrefix && !rexW ? 16 : 64 : legacyBits();
      case "x" -> 0;
      case "y" -> rexW ? 64 : 32;
      default -> rexW ? 64 : legacyBits();
    };
  }

  /** 16 or 32, by mode and prefix 66. */
  int legacyBits() {
    return operandPrefix == (mode == OracleCase.SEGMENTED_16) ? 32 : 16;
  }

  /** Address size in bits. */
  int addressBits() {
    boolean other = addressing == Addressing.IMPLIED_OTHER_SIZE;
    return switch (mode) {
      case OracleCase.MODE_64 -> other || addressing == Addressing.BASE_INDEX_ADDRESS32 ? 32 : 64;
      case OracleCase.SEGMENTED_16 ->
          switch (addressing) {
            case ADDRESS16, OVERRIDE, IMPLIED, REGISTER -> 16;
            default -> 32;
          };
      default -> other || addressing == Addressing.ADDRESS16 ? 16 : 32;
    };
  }

  /** Whether prefix 67 is present. */
  boolean addressPrefix() {
    return switch (mode) {
      case OracleCase.MODE_64 -> addressBits() == 32;
      case OracleCase.SEGMENTED_16 -> addressBits() == 32;
      default -> addressBits() == 16;
    };
  }

  boolean isSegmented() {
    return OracleCase.isSegmented(mode);
  }
}

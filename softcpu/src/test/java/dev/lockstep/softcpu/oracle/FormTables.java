package dev.lockstep.softcpu.oracle;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** All form tables of the oracle, and the list of what it cannot show, asked whether they know an encoding. */
public final class FormTables {
  private final List<Form> forms = new ArrayList<>();
  private final Set<Form> others = new LinkedHashSet<>();
  private final Set<Form> used = new LinkedHashSet<>();

  public FormTables() {
    for (String table : List.of("forms.txt", "forms-sse.txt", "forms-x87.txt")) {
      forms.addAll(Form.load(table));
    }
    others.addAll(Form.load("not-in-ring-3.txt"));
  }

  /**
   * Whether a list has this encoding.
   *
   * @param prefix 0x66, 0xf2, 0xf3 or 0
   * @param opcode the second byte plus 0x100 for the two-byte map
   * @param modrm the ModRM byte, or -1
   * @param exact the prefix is part of the opcode; otherwise a form without one covers it too
   */
  public boolean cover(int prefix, int opcode, int modrm, boolean exact) {
    if (forms.stream().anyMatch(form -> fits(form, prefix, opcode, modrm, exact))) {
      return true;
    }
    List<Form> found =
        others.stream().filter(form -> fits(form, prefix, opcode, modrm, exact)).toList();
    used.addAll(found);
    return !found.isEmpty();
  }

  /** Lines of the list that covered nothing. */
  public List<String> unused() {
    return others.stream().filter(form -> !used.contains(form)).map(Form::line).toList();
  }

  private static boolean fits(Form form, int prefix, int opcode, int modrm, boolean exact) {
    boolean prefixFits = form.mandatory() == prefix || (!exact && form.mandatory() == 0);
    return prefixFits && opcodeFits(form, opcode, modrm) && modrmFits(form, modrm);
  }

  private static boolean opcodeFits(Form form, int opcode, int modrm) {
    byte[] bytes = form.opcode();
    int mask = form.modrm() == Form.PLUS_R ? 0xf8 : 0xff;
    boolean two = (bytes[0] & 0xff) == 0x0f;
    int last = two ? 1 : 0;
    if (two != opcode >= 0x100 || ((bytes[last] ^ opcode) & mask) != 0) {
      return false;
    }
    // A literal second byte is a ModRM byte that is part of the opcode.
    return bytes.length == last + 1 || (bytes[last + 1] & 0xff) == modrm;
  }

  private static boolean modrmFits(Form form, int modrm) {
    if (!form.hasModrm()) {
      return true;
    }
    boolean memory = modrm < 0xc0;
    boolean digit = form.modrm() == Form.SLASH_R || form.modrm() == (modrm >> 3 & 7);
    return digit && !(memory ? form.has("reg") : form.has("memonly"));
  }
}

package dev.lockstep.softcpu.oracle;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The cited masks of {@code undefined-flags.txt}, by instruction name. */
final class UndefinedFlags {
  private static final String LETTERS = "C.P.A.ZS...O";
  private static final long CARRY = 1;
  private static final long OVERFLOW = 1 << 11;

  private final Map<String, String> lettersByName = new LinkedHashMap<>();

  UndefinedFlags() {
    try (InputStream in = UndefinedFlags.class.getResourceAsStream("undefined-flags.txt")) {
      if (in == null) {
        throw new IllegalStateException("undefined-flags.txt is not among the test resources");
      }
      for (String line : new String(in.readAllBytes(), StandardCharsets.US_ASCII).split("\n")) {
        if (!line.isBlank() && !line.startsWith("#")) {
          String[] words = line.split(" ", 3);
          lettersByName.put(words[0], words[1]);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Map<String, String> lettersByName() {
    return lettersByName;
  }

  /**
   * RFLAGS bits that a form leaves undefined in one case: a shift or rotation defines more of them for some counts (Intel SDM vol. 2B, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR and SHLD, Flags Affected).
   *
   * @param amd whether an AMD processor is compared with
   */
  long mask(Form form, OracleCase asked, boolean amd) {
    long mask = amd ? maskOnAmd(form) : mask(form);
    boolean single = form.name().equals("shl") || form.name().equals("shr");
    boolean shift =
        switch (form.name()) {
          case "rol", "ror", "rcl", "rcr", "sar", "shld", "shrd" -> true;
          default -> single;
        };
    if (!shift || mask == 0) {
      return mask;
    }
    int bits = form.size().equals("b") ? 8 : asked.operandBits();
    int count = count(form, asked) & (bits == 64 ? 63 : 31);
    if (count == 0) {
      return 0;
    }
    if (count == 1) {
      mask &= ~OVERFLOW;
    }
    return single && count < bits ? mask & ~CARRY : mask;
  }

  private static int count(Form form, OracleCase asked) {
    if (form.has("count")) {
      return (int) asked.gpr()[1];
    }
    return form.immediate().isEmpty() ? 1 : asked.code()[asked.code().length - 1];
  }

  /**
   * As {@link #mask(Form)}, on AMD's processors: the flags that the manual leaves undefined are what ours does as well, but for the divisions and others that leave CF undefined, and for CF of shifts by more
   * than the operand's width.
   */
  private long maskOnAmd(Form form) {
    long mask = mask(form);
    boolean shift = form.name().equals("shl") || form.name().equals("shr");
    return (mask & 1) == 0 ? 0 : shift ? 1 : mask;
  }

  /** RFLAGS bits that a form leaves undefined; its letters must be cited under its name. */
  long mask(Form form) {
    String letters = form.value("flags");
    String cited = lettersByName.getOrDefault(form.name(), "");
    long mask = 0;
    for (char letter : letters.toCharArray()) {
      if (cited.indexOf(letter) < 0) {
        throw new IllegalStateException(
            "no source is cited for flag " + letter + " of " + form.line());
      }
      mask |= 1L << LETTERS.indexOf(letter);
    }
    return mask;
  }
}

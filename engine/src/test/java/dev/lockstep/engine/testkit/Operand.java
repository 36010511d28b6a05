package dev.lockstep.engine.testkit;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An operand of the {@link Assembler}'s source, as its text says. */
sealed interface Operand {
  /** A general register of {@code size} bytes; AH to BH are numbers 4 to 7 with {@code high}. */
  record Register(int number, int size, boolean high) implements Operand {}

  /** ES CS SS DS FS GS, or a control or debug register. */
  record Special(char kind, int number) implements Operand {}

  /**
   * Memory.
   *
   * @param size bytes, 0 where the text does not say
   * @param base register or -1; {@code index} likewise
   * @param addressSize bytes of base and index, 0 where there is neither
   * @param segment override, or -1
   * @param relative to RIP
   */
  record Memory(
      int size,
      int base,
      int index,
      int scale,
      String displacement,
      int addressSize,
      int segment,
      boolean relative)
      implements Operand {}

  /** A number. */
  record Immediate(String expression, int size) implements Operand {}

  /** {@code selector:offset}. */
  record Far(String selector, String offset) implements Operand {}

  /** Names by number, for each width. */
  List<String> NAMES64 =
      List.of(
          "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
          "r13", "r14", "r15");

  List<String> NAMES32 = List.of("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi");
  List<String> NAMES16 = List.of("ax", "cx", "dx", "bx", "sp", "bp", "si", "di");
  List<String> NAMES8 = List.of("al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil");
  List<String> NAMES8_HIGH = List.of("ah", "ch", "dh", "bh");
  List<String> SEGMENTS = List.of("es", "cs", "ss", "ds", "fs", "gs");
  Map<String, Integer> SIZES =
      Map.of("byte", 1, "word", 2, "dword", 4, "qword", 8, "oword", 16, "far", 0);

  Pattern NUMBERED = Pattern.compile("r(\\d+)([dwb]?)");
  Pattern SYSTEM = Pattern.compile("(cr|dr)(\\d+)");

  /** The operand that a text means. */
  static Operand parse(String source) {
    String text = source.trim();
    int size = 0;
    int blank = text.indexOf(' ');
    while (blank > 0 && SIZES.containsKey(text.substring(0, blank))) {
      size = SIZES.getOrDefault(text.substring(0, blank), 0);
      text = text.substring(blank + 1).trim();
      blank = text.indexOf(' ');
    }
    Operand register = register(text.toLowerCase(Locale.ROOT));
    if (register != null) {
      return register;
    }
    if (text.endsWith("]")) {
      return memory(text, size);
    }
    int colon = text.indexOf(':');
    if (colon > 0) {
      return new Far(text.substring(0, colon), text.substring(colon + 1));
    }
    return new Immediate(text, size);
  }

  private static @org.jspecify.annotations.Nullable Operand register(String name) {
    int at = NAMES64.indexOf(name);
    if (at >= 0) {
      return new Register(at, 8, false);
    }
    Matcher numbered = NUMBERED.matcher(name);
    if (numbered.matches()) {
      int size =
          switch (numbered.group(2)) {
            case "d" -> 4;
            case "w" -> 2;
            default -> 1;
          };
      return new Register(Integer.parseInt(numbered.group(1)), size, false);
    }
    int size = 4;
    for (List<String> names : List.of(NAMES32, NAMES16, NAMES8)) {
      at = names.indexOf(name);
      if (at >= 0) {
        return new Register(at, size, false);
      }
      size /= 2;
    }
    at = NAMES8_HIGH.indexOf(name);
    if (at >= 0) {
      return new Register(at + 4, 1, true);
    }
    at = SEGMENTS.indexOf(name);
    if (at >= 0) {
      return new Special('s', at);
    }
    Matcher system = SYSTEM.matcher(name);
    return system.matches()
        ? new Special(system.group(1).charAt(0), Integer.parseInt(system.group(2)))
        : null;
  }

  /** {@code fs:[rax+rcx*4+label-8]}, {@code [rel label]}. */
  private static Operand memory(String text, int size) {
    int open = text.indexOf('[');
    int segment = -1;
    if (open > 0) {
      segment = SEGMENTS.indexOf(text.substring(0, open - 1).trim());
      if (segment < 0) {
        throw new IllegalArgumentException("no memory operand: " + text);
      }
    }
    String inside = text.substring(open + 1, text.length() - 1).trim();
    boolean relative = inside.startsWith("rel ");
    if (relative) {
      return new Memory(size, -1, -1, 1, inside.substring(4), 0, segment, true);
    }
    int base = -1;
    int index = -1;
    int scale = 1;
    int addressSize = 0;
    StringBuilder rest = new StringBuilder();
    for (String term : inside.split("(?=[+-])")) {
      String plain = term.replaceFirst("^\\+", "").trim();
      String[] factors = plain.split("\\*");
      if (register(factors[0].trim()) instanceof Register r) {
        addressSize = r.size;
        if (factors.length == 2 || base >= 0) {
          index = r.number;
          scale = factors.length == 2 ? Integer.parseInt(factors[1].trim()) : 1;
        } else {
          base = r.number;
        }
      } else {
        rest.append(term.startsWith("-") ? "" : "+").append(plain);
      }
    }
    String displacement = rest.isEmpty() ? "0" : rest.substring(rest.charAt(0) == '+' ? 1 : 0);
    return new Memory(size, base, index, scale, displacement, addressSize, segment, false);
  }
}

package dev.lockstep.engine.testkit;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A small assembler for tests, for code of 16, 32 and 64 bits, system instructions included. The source is Intel's syntax: one statement a line, destination first, {@code ;} before comments, {@code
 * name:} for labels; sizes before memory operands where no register tells ({@code mov dword [rax], 1}), {@code fs:[...]} for segments, {@code [rel label]} for RIP-relative.
 *
 * <p>Directives: {@code db dw dd dq} with numbers, {@code resb n}, {@code align n}, {@code bits n}, {@code name = expression}. Expressions are sums and differences of numbers and names. Jumps are 32 bits
 * wide unless {@code short} stands before the label. Numbers that name a label are 32 bits wide.
 */
public final class Assembler {
  private final long origin;
  private int bits;
  private final int firstBits;
  private final List<String> lines = new ArrayList<>();
  private final Map<String, Long> defined = new HashMap<>();
  private final Map<String, Long> labels = new LinkedHashMap<>();
  private ByteArrayOutputStream out = new ByteArrayOutputStream();
  private boolean lastPass;

  /**
   * @param origin the address that the first byte will have
   * @param bits 16, 32 or 64
   */
  public Assembler(long origin, int bits) {
    this.origin = origin;
    this.bits = bits;
    this.firstBits = bits;
  }

  /** Adds lines of source. */
  public Assembler add(String source) {
    lines.addAll(Arrays.asList(source.split("\n")));
    return this;
  }

  /** Gives a name a value. */
  public Assembler define(String name, long value) {
    defined.put(name, value);
    return this;
  }

  /** The code of everything added. */
  public byte[] assemble() {
    for (int pass = 0; pass < 2; pass++) {
      lastPass = pass == 1;
      out = new ByteArrayOutputStream();
      bits = firstBits;
      for (String line : lines) {
        try {
          statement(line);
        } catch (RuntimeException e) {
          throw new IllegalArgumentException("cannot assemble '" + line.trim() + "'", e);
        }
      }
    }
    return out.toByteArray();
  }

  /** The address of a label, after {@link #assemble}. */
  public long address(String label) {
    Long at = labels.get(label);
    if (at == null) {
      throw new IllegalArgumentException("there is no label '" + label + "'");
    }
    return at;
  }

  /** All labels with their addresses, in order. */
  public Map<String, Long> labels() {
    return labels;
  }

  private void statement(String line) {
    int comment = line.indexOf(';');
    String text = (comment >= 0 ? line.substring(0, comment) : line).trim();
    int colon = text.indexOf(':');
    while (colon > 0 && text.substring(0, colon).matches("[A-Za-z_.][\\w.]*")) {
      String name = text.substring(0, colon);
      if (Operand.SEGMENTS.contains(name)) {
        break;
      }
      long here = here();
      Long old = labels.put(name, here);
      if (old != null && (!lastPass || old != here)) {
        throw new IllegalArgumentException("label '" + name + "' moved or is there twice");
      }
      text = text.substring(colon + 1).trim();
      colon = text.indexOf(':');
    }
    if (text.isEmpty()) {
      return;
    }
    int equals = text.indexOf('=');
    if (equals > 0) {
      defined.put(text.substring(0, equals).trim(), value(text.substring(equals + 1)));
      return;
    }
    String[] words = text.split("\\s+", 2);
    String mnemonic = words[0].toLowerCase(Locale.ROOT);
    String rest = words.length > 1 ? words[1] : "";
    if (directive(mnemonic, rest)) {
      return;
    }
    Integer prefix = Mnemonics.PREFIXES.get(mnemonic);
    if (prefix != null) {
      write(prefix);
      statement(rest);
      return;
    }
    List<Operand> operands = new ArrayList<>();
    if (!rest.isEmpty()) {
      for (String operand : rest.split(",")) {
        operands.add(Operand.parse(operand));
      }
    }
    new Mnemonics(this).encode(mnemonic, operands, rest);
  }

  private boolean directive(String name, String rest) {
    switch (name) {
      case "db", "dw", "dd", "dq" -> {
        int size = 1 << "bwdq".indexOf(name.charAt(1));
        for (String one : rest.split(",")) {
          number(value(one), size);
        }
      }
      case "resb" -> {
        for (long i = value(rest); i > 0; i--) {
          write(0);
        }
      }
      case "align" -> {
        long to = value(rest);
        while (here() % to != 0) {
          write(0x90);
        }
      }
      case "bits" -> bits = (int) value(rest);
      default -> {
        return false;
      }
    }
    return true;
  }

  int bits() {
    return bits;
  }

  /** Labels have their addresses. */
  boolean isLastPass() {
    return lastPass;
  }

  long here() {
    return origin + out.size();
  }

  void write(int value) {
    out.write(value);
  }

  void number(long value, int size) {
    for (int i = 0; i < size; i++) {
      write((int) (value >> 8 * i) & 0xff);
    }
  }

  /** Whether an expression is known without labels, so that its width may depend on it. */
  boolean isConstant(String expression) {
    for (String term : terms(expression)) {
      String name = term.replaceFirst("^[+-]", "").trim();
      if (!name.isEmpty() && !Character.isDigit(name.charAt(0)) && !defined.containsKey(name)) {
        return false;
      }
    }
    return true;
  }

  long value(String expression) {
    long sum = 0;
    for (String term : terms(expression)) {
      boolean minus = term.startsWith("-");
      String plain = term.replaceFirst("^[+-]", "").trim();
      if (!plain.isEmpty()) {
        long value = atom(plain);
        sum += minus ? -value : value;
      }
    }
    return sum;
  }

  private static String[] terms(String expression) {
    return expression.trim().split("(?=[+-])");
  }

  private long atom(String text) {
    if (text.startsWith("0x")) {
      return Long.parseUnsignedLong(text.substring(2).replace("_", ""), 16);
    }
    if (Character.isDigit(text.charAt(0))) {
      return Long.parseLong(text);
    }
    if (text.equals("$")) {
      return here();
    }
    Long value = defined.get(text);
    if (value == null) {
      value = labels.get(text);
    }
    if (value == null) {
      if (lastPass) {
        throw new IllegalArgumentException("nothing is named '" + text + "'");
      }
      return here();
    }
    return value;
  }
}

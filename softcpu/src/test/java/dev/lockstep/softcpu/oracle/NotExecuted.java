package dev.lockstep.softcpu.oracle;

import dev.lockstep.softcpu.DecodedForm;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A line of {@code not-in-oracle.txt}: entries of the decode table that the oracle cannot execute.
 *
 * @param from first opcode
 * @param to last opcode
 * @param conditions words that narrow the line
 * @param line all of it
 */
record NotExecuted(int from, int to, Set<String> conditions, String line) {
  private static final String FILE = "not-in-oracle.txt";

  static List<NotExecuted> load() {
    List<NotExecuted> lines = new ArrayList<>();
    try (InputStream in = NotExecuted.class.getResourceAsStream(FILE)) {
      if (in == null) {
        throw new IllegalStateException(FILE + " is not among the test resources");
      }
      for (String line : new String(in.readAllBytes(), StandardCharsets.US_ASCII).split("\n")) {
        if (!line.isBlank() && !line.startsWith("#")) {
          lines.add(parse(line));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return lines;
  }

  private static NotExecuted parse(String line) {
    int colon = line.indexOf(": ");
    if (colon < 0 || line.length() < colon + 8) {
      throw new IllegalStateException(FILE + " gives no reason in: " + line);
    }
    String[] words = line.substring(0, colon).split(" ");
    String[] range = words[0].split("-");
    return new NotExecuted(
        opcode(range[0]),
        opcode(range[range.length - 1]),
        Set.of(words).stream()
            .filter(word -> !word.equals(words[0]))
            .collect(Collectors.toUnmodifiableSet()),
        line);
  }

  private static int opcode(String text) {
    return text.startsWith("0F.")
        ? 0x100 | Integer.parseInt(text.substring(3), 16)
        : Integer.parseInt(text, 16);
  }

  boolean matches(DecodedForm form) {
    return form.opcode() >= from
        && form.opcode() <= to
        && conditions.stream().allMatch(condition -> holds(condition, form));
  }

  private static boolean holds(String condition, DecodedForm form) {
    return switch (condition) {
      case "64" -> form.bits() == 64;
      case "legacy" -> form.bits() != 64;
      case "66" -> form.p66();
      case "F2" -> form.rep() == 0xf2;
      case "F3" -> form.rep() == 0xf3;
      case "reg" ->
          form.operand().equals(DecodedForm.REGISTER) || form.operand().equals(DecodedForm.ANY);
      case "mem" -> !form.operand().equals(DecodedForm.REGISTER);
      default -> {
        if (!condition.matches("/[0-7]")) {
          throw new IllegalStateException(FILE + " has an unknown condition: " + condition);
        }
        yield form.digit() == condition.charAt(1) - '0';
      }
    };
  }
}

package dev.lockstep.softcpu.oracle;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * One line of a form table: how an instruction is encoded and what a case must take care of. The tables' first lines explain the columns.
 *
 * @param opcode opcode bytes without a mandatory prefix
 * @param mandatory the mandatory prefix 0x66, 0xf2 or 0xf3, or 0
 * @param modrm -1 none, 8 for /r, 9 for +r, else the digit in ModRM.reg
 * @param size the size column
 * @param immediate the immediate column, or empty
 * @param name mnemonic, lower case
 * @param attributes everything after the name
 */
public record Form(
    byte[] opcode,
    int mandatory,
    int modrm,
    String size,
    String immediate,
    String name,
    Set<String> attributes,
    String line) {
  static final int NONE = -1;
  static final int SLASH_R = 8;
  static final int PLUS_R = 9;

  private static final Set<String> IMMEDIATES =
      Set.of("ib", "iw", "id", "iz", "iv", "rel8", "relz", "off", "iw.ib");

  boolean has(String attribute) {
    return attributes.contains(attribute);
  }

  /** The value of an attribute {@code key:value} or {@code key=value}, or an empty string. */
  String value(String key) {
    for (String attribute : attributes) {
      if (attribute.startsWith(key + ":") || attribute.startsWith(key + "=")) {
        return attribute.substring(key.length() + 1);
      }
    }
    return "";
  }

  boolean hasModrm() {
    return modrm >= 0 && modrm <= SLASH_R;
  }

  static List<Form> load(String resource) {
    List<Form> forms = new ArrayList<>();
    try (InputStream in = Form.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IllegalStateException("no form table " + resource);
      }
      BufferedReader reader =
          new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII));
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (!line.isBlank() && !line.startsWith("#")) {
          forms.add(parse(line));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return forms;
  }

  static Form parse(String line) {
    List<String> words = new ArrayList<>(List.of(line.trim().split("\\s+")));
    byte[] bytes = HexFormat.of().parseHex(words.removeFirst().replace(".", ""));
    int mandatory = 0;
    int first = bytes[0] & 0xff;
    if (bytes.length > 1 && (first == 0x66 || first == 0xf2 || first == 0xf3)) {
      mandatory = first;
      bytes = java.util.Arrays.copyOfRange(bytes, 1, bytes.length);
    }
    int modrm = NONE;
    if (words.getFirst().equals("+r")) {
      modrm = PLUS_R;
      words.removeFirst();
    } else if (words.getFirst().startsWith("/")) {
      String digit = words.removeFirst().substring(1);
      modrm = digit.equals("r") ? SLASH_R : Integer.parseInt(digit);
    }
    String size = words.removeFirst();
    String immediate = IMMEDIATES.contains(words.getFirst()) ? words.removeFirst() : "";
    String name = words.removeFirst();
    return new Form(bytes, mandatory, modrm, size, immediate, name, Set.copyOf(words), line);
  }
}

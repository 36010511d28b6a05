package dev.lockstep.ft.arbiter;

import dev.lockstep.ft.core.ReplicaInstance;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Decisions and names as stores keep them: lines of text that a person can read. */
final class DecisionText {
  /** No decision is longer. */
  static final int MAX_BYTES = 4096;

  private static final Pattern CONTENT =
      Pattern.compile("lockstep-decision 1\n(.+)\n([0-9a-f]{16})\nend\n");

  private DecisionText() {}

  /** A decision's text. */
  static String of(ReplicaInstance winner) {
    return "lockstep-decision 1\n%s\n%016x\nend\n".formatted(winner.name(), winner.nonce());
  }

  /** Whom a text decides for; empty if it is no decision, or not a whole one. */
  static Optional<ReplicaInstance> parse(String text) {
    Matcher matcher = CONTENT.matcher(text);
    if (text.length() > MAX_BYTES || !matcher.matches() || matcher.group(1).isBlank()) {
      return Optional.empty();
    }
    return Optional.of(
        new ReplicaInstance(matcher.group(1), HexFormat.fromHexDigitsToLong(matcher.group(2))));
  }

  /** A name for a file or a key, whatever it contains: letters, digits, dot and hyphen as they are, all else by code; never two names alike. */
  static String encode(String name) {
    StringBuilder text = new StringBuilder();
    name.codePoints()
        .forEach(code -> {
          boolean plain =
              code < 128 && (Character.isLetterOrDigit(code) || code == '.' || code == '-');
          if (plain) {
            text.appendCodePoint(code);
          } else {
            text.append('_').append(Integer.toHexString(code)).append('_');
          }
        });
    return text.toString();
  }

  /** A nonce's text. */
  static String of(long nonce) {
    return "%016x\n".formatted(nonce);
  }
}

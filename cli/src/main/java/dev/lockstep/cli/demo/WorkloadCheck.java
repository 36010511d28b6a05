package dev.lockstep.cli.demo;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the console of the guest's workload and says whether every numbered line came exactly once, in order, and with the right running hash: line i's hash is SHA-256 of the hash before, a space and i.
 * Bytes come in any pieces.
 */
final class WorkloadCheck {
  private static final Pattern LINE = Pattern.compile("line (\\d{6}) sha256=([0-9a-f]{64})");
  private static final Pattern DONE = Pattern.compile("workload done (\\d+) ([0-9a-f]{64})");
  private static final int MAX_LINE_BYTES = 4096;

  private final int expected;
  private final StringBuilder line = new StringBuilder();
  private String hash = "0".repeat(64);
  private int next = 1;
  private int lost;
  private int repeated;
  private int wrong;
  private boolean ready;
  private boolean done;
  private @Nullable String firstProblem;

  /**
   * @param expected lines that the workload prints
   */
  WorkloadCheck(int expected) {
    this.expected = expected;
  }

  /** Takes console bytes. */
  void accept(byte[] bytes, int from, int length) {
    for (int i = from; i < from + length; i++) {
      char one = (char) (bytes[i] & 0xff);
      if (one == '\n') {
        check(line.toString().strip());
        line.setLength(0);
      } else if (line.length() < MAX_LINE_BYTES) {
        line.append(one);
      }
    }
  }

  /** Takes one line as the workload wrote it to its file. */
  void check(String text) {
    if (text.endsWith("lockstep guest ready")) {
      ready = true;
      return;
    }
    Matcher matcher = LINE.matcher(text);
    if (matcher.matches()) {
      checkNumbered(Integer.parseInt(matcher.group(1)), matcher.group(2), text);
      return;
    }
    matcher = DONE.matcher(text);
    if (matcher.matches()) {
      done = true;
      if (Integer.parseInt(matcher.group(1)) != expected || !matcher.group(2).equals(hash)) {
        problem("the last line does not agree: " + text);
      }
    }
  }

  private void checkNumbered(int number, String given, String text) {
    if (number < next) {
      repeated++;
      note("line repeated: " + text);
      return;
    }
    while (next < number) {
      lost++;
      note("line %d is missing before: %s".formatted(next, text));
      hash = hashOf(hash, next++);
    }
    hash = hashOf(hash, number);
    next = number + 1;
    if (!given.equals(hash)) {
      problem("wrong hash: " + text);
    }
  }

  private void problem(String what) {
    wrong++;
    note(what);
  }

  private void note(String what) {
    if (firstProblem == null) {
      firstProblem = what;
    }
  }

  static String hashOf(String before, int number) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      byte[] text = (before + " " + number).getBytes(StandardCharsets.US_ASCII);
      return HexFormat.of().formatHex(sha.digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** The guest has come to its session. */
  boolean ready() {
    return ready;
  }

  /** The workload's last line has come. */
  boolean done() {
    return done;
  }

  /** Numbered lines seen, without repetitions. */
  int lines() {
    return next - 1 - lost;
  }

  /** Lines that were skipped, up to the last one seen; once done, up to the last one there should be. */
  int lost() {
    return done ? lost + Math.max(0, expected - (next - 1)) : lost;
  }

  /** Lines that came again. */
  int repeated() {
    return repeated;
  }

  /** Lines with a hash that contradicts what came before. */
  int wrong() {
    return wrong;
  }

  /** All lines came, once, in order, and right. */
  boolean perfect() {
    return done && lost() == 0 && repeated == 0 && wrong == 0;
  }

  /** The first thing that was wrong, or null. */
  @Nullable String firstProblem() {
    return firstProblem;
  }
}

package dev.lockstep.vmm.trace;

import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/** Where a trace begins or ends. */
public sealed interface TraceBound {
  /**
   * Before the instruction at {@code rip} that is executed with this branch count; without {@code rip}, before the first. If the guest does not come there: at the next higher count.
   *
   * @param branchCount not negative
   */
  record Point(long branchCount, @Nullable Long rip) implements TraceBound {
    @Override
    public String toString() {
      return rip == null ? "" + branchCount : "%d@%#x".formatted(branchCount, rip);
    }
  }

  /** Once this entry of the event log has taken effect. */
  record Entry(long number) implements TraceBound {
    @Override
    public String toString() {
      return "entry:" + number;
    }
  }

  /** Before the first code that is begun at or after this virtual time. */
  record Time(long nanos) implements TraceBound {
    @Override
    public String toString() {
      return "time:" + BigDecimal.valueOf(nanos, 9).stripTrailingZeros().toPlainString();
    }
  }

  /** Before the instruction with this number, counted from the replay's beginning; each iteration of a repeated string instruction is one. */
  record Instruction(long number) implements TraceBound {
    @Override
    public String toString() {
      return "instruction:" + number;
    }
  }

  /**
   * Reads one: {@code COUNT}, {@code COUNT@RIP}, {@code entry:NUMBER}, {@code time:SECONDS}, {@code instruction:NUMBER}.
   *
   * @throws IllegalArgumentException if it is none, saying why
   */
  static TraceBound parse(String text) {
    int colon = text.indexOf(':');
    String rest = text.substring(colon + 1);
    return switch (colon < 0 ? "" : text.substring(0, colon)) {
      case "" -> point(rest);
      case "entry" -> new Entry(number(rest));
      case "instruction" -> new Instruction(number(rest));
      case "time" -> new Time(nanos(rest));
      default ->
          throw new IllegalArgumentException(
              "'%s' is no bound: COUNT, COUNT@RIP, entry:NUMBER, time:SECONDS or instruction:NUMBER"
                  .formatted(text));
    };
  }

  private static Point point(String text) {
    int at = text.indexOf('@');
    return at < 0
        ? new Point(number(text), null)
        : new Point(number(text.substring(0, at)), TraceSelection.address(text.substring(at + 1)));
  }

  private static long number(String text) {
    try {
      long value = Long.parseLong(text.replace("_", ""));
      if (value >= 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException("'%s' is no number from 0 on".formatted(text));
  }

  private static long nanos(String text) {
    try {
      BigDecimal seconds = new BigDecimal(text);
      if (seconds.signum() >= 0) {
        return seconds.movePointRight(9).toBigInteger().longValueExact();
      }
    } catch (ArithmeticException e) {
      // said below
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException("'%s' is no time in seconds from 0 on".formatted(text));
  }
}

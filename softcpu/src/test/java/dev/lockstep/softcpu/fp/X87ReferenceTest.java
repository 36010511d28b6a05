package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.fp.ExactModel.Format;
import dev.lockstep.softcpu.fp.ExactModel.Rounded;
import dev.lockstep.softcpu.fp.ExactModel.Value;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** x87 arithmetic on finite values against {@link ExactModel}: every precision, rounding mode and mask of overflow and underflow, results and flags bit for bit. */
class X87ReferenceTest {
  private static final int[] PRECISION_CONTROL = {0, 2, 3};
  private static final int[] PRECISIONS = {24, 53, 64};
  private static final int BIAS = 16383;
  private static final int TRAP_BIAS = 24576;

  private final X87Unit unit = new X87Unit();
  private final long[] significands = new long[2];
  private final int[] signExponents = new int[2];

  @Test
  void basicOperationsAreExactlyRounded() {
    compare(150_000, 20_260_103);
  }

  @Test
  @Tag("long")
  void basicOperationsAreExactlyRoundedForLong() {
    compare(4_000_000, System.nanoTime());
  }

  private void compare(int cases, long seed) {
    System.out.println("X87ReferenceTest seed " + seed);
    Operands operands = new Operands(new SplittableRandom(seed));
    for (int i = 0; i < cases; i++) {
      for (int j = 0; j < 2; j++) {
        do {
          if (j == 1 && operands.random.nextInt(3) == 0) {
            operands.nearby(signExponents[0], significands[0]);
          } else {
            operands.next80();
          }
          signExponents[j] = operands.signExponent;
          significands[j] = operands.significand;
        } while (!isFinite(j));
      }
      int precision = operands.random.nextInt(3);
      int rounding = operands.random.nextInt(4);
      int masks = 0x27 | operands.random.nextInt(4) << 3;
      int control = masks | PRECISION_CONTROL[precision] << 8 | rounding << 10;
      Format format = Format.extended(PRECISIONS[precision]);
      checkBinary(control, format, rounding, operands.random.nextInt(4));
      checkRoot(control, format, rounding);
    }
  }

  private void checkBinary(int control, Format format, int rounding, int operation) {
    Value a = value(0);
    Value b = value(1);
    int op =
        new int[] {X87Arithmetic.ADD, X87Arithmetic.SUB, X87Arithmetic.MUL, X87Arithmetic.DIV}
            [operation];
    Value exact =
        switch (operation) {
          case 0 -> a.plus(b);
          case 1 -> a.plus(b.negate());
          case 2 -> a.times(b);
          default -> a.over(b);
        };
    start(control);
    unit.arithmetic.withRegister(op, 1);
    int denormal = isDenormal(0) || isDenormal(1) ? X87State.DE : 0;
    String what = "op %d %s".formatted(op, describe(control));
    if (exact.isZero()) {
      check(what, rounding == 1 ? 0x8000 : 0, 0, denormal, control);
    } else {
      check(what, ExactModel.round(exact, format, rounding), format, rounding, denormal, control);
    }
  }

  private void checkRoot(int control, Format format, int rounding) {
    signExponents[0] &= 0x7fff;
    start(control);
    unit.functions.fsqrt();
    Rounded root = ExactModel.roundRoot(value(0), format, rounding);
    int denormal = isDenormal(0) ? X87State.DE : 0;
    check("sqrt " + describe(control), root, format, rounding, denormal, control);
  }

  private void start(int control) {
    unit.state.init();
    unit.state.setControl(control);
    unit.state.push(signExponents[1], significands[1]);
    unit.state.push(signExponents[0], significands[0]);
  }

  private void check(String what, Rounded r, Format format, int rounding, int flags, int control) {
    int sign = r.negative() ? 0x8000 : 0;
    int drop = 64 - format.precision();
    boolean overflowMasked = (control & X87State.OE) != 0;
    boolean underflowMasked = (control & X87State.UE) != 0;
    if (r.overflow() && overflowMasked) {
      boolean infinite = rounding == 0 || rounding == (r.negative() ? 1 : 2);
      int all = flags | X87State.OE | X87State.PE | (infinite ? X87State.C1 : 0);
      if (infinite) {
        check(what, sign | 0x7fff, Long.MIN_VALUE, all, control);
      } else {
        check(what, sign | 0x7ffe, -1L << drop, all, control);
      }
      return;
    }
    Rounded used = r.tiny() && !underflowMasked && r.unbounded() != null ? r.unbounded() : r;
    int all = flags | (used.inexact() ? X87State.PE : 0) | (used.up() ? X87State.C1 : 0);
    all |= r.overflow() ? X87State.OE : 0;
    all |= r.tiny() && (used.inexact() || !underflowMasked) ? X87State.UE : 0;
    int moved = r.overflow() ? -TRAP_BIAS : r.tiny() && !underflowMasked ? TRAP_BIAS : 0;
    long bits = used.significand().shiftLeft(drop).longValue();
    int biased = bits < 0 ? used.exponent() + BIAS + moved : 0;
    check(what, sign | biased, bits, all, control);
  }

  private void check(String what, int signExponent, long significand, int status, int control) {
    X87State state = unit.state;
    String got =
        "%04x:%016x status %04x"
            .formatted(state.signExponent[state.top], state.significand[state.top], state.status);
    assertThat(got)
        .as(what)
        .isEqualTo("%04x:%016x status %04x".formatted(signExponent, significand, status));
    assertThat(state.pendingException()).as(what).isEqualTo((status & ~control & 0x3f) != 0);
  }

  private String describe(int control) {
    return "%04x:%016x %04x:%016x cw %04x"
        .formatted(signExponents[0], significands[0], signExponents[1], significands[1], control);
  }

  private boolean isDenormal(int i) {
    return (signExponents[i] & 0x7fff) == 0;
  }

  /** A supported finite non-zero encoding. */
  private boolean isFinite(int i) {
    int exponent = signExponents[i] & 0x7fff;
    return significands[i] != 0 && exponent != 0x7fff && (exponent == 0 || significands[i] < 0);
  }

  /** Its value, by the definition of the format. */
  private Value value(int i) {
    int exponent = signExponents[i] & 0x7fff;
    BigInteger bits = new BigInteger(Long.toUnsignedString(significands[i]));
    Value value = Value.of(bits, Math.max(exponent, 1) - BIAS - 63);
    return signExponents[i] >>> 15 == 0 ? value : value.negate();
  }
}

package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.fp.ExactModel.Format;
import dev.lockstep.softcpu.fp.ExactModel.Rounded;
import dev.lockstep.softcpu.fp.ExactModel.Value;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** SSE arithmetic on finite values against {@link ExactModel}, in both formats, and in the default mode against Java's own. */
class SseReferenceTest {
  private final SseUnit unit = new SseUnit();

  @Test
  void basicOperationsAreExactlyRounded() {
    compare(150_000, 20_260_104);
  }

  @Test
  @Tag("long")
  void basicOperationsAreExactlyRoundedForLong() {
    compare(4_000_000, System.nanoTime());
  }

  private void compare(int cases, long seed) {
    System.out.println("SseReferenceTest seed " + seed);
    Operands operands = new Operands(new SplittableRandom(seed));
    for (int i = 0; i < cases; i++) {
      int rounding = operands.random.nextInt(4);
      boolean flush = operands.random.nextInt(4) == 0;
      boolean sticky = operands.random.nextBoolean();
      int mxcsr =
          SseState.MXCSR_INIT
              | rounding << 13
              | (flush ? SseState.FTZ : 0)
              | (sticky ? SseState.PE : 0);
      int operation = operands.random.nextInt(5);
      long a = finite64(operands);
      long b =
          operands.random.nextInt(4) == 0 ? a ^ operands.random.nextInt(16) : finite64(operands);
      check64(mxcsr, operation, a, b);
      int c = finite32(operands);
      int d =
          operands.random.nextInt(4) == 0 ? c ^ operands.random.nextInt(16) : finite32(operands);
      check32(mxcsr, operation, c, d);
    }
  }

  private void check64(int mxcsr, int operation, long a, long b) {
    if (b << 1 == 0 || a << 1 == 0 || isInfinite64(b)) {
      return;
    }
    unit.state.mxcsr = mxcsr;
    long positive = b & Long.MAX_VALUE;
    long got =
        switch (operation) {
          case 0 -> unit.f64.add(a, b);
          case 1 -> unit.f64.sub(a, b);
          case 2 -> unit.f64.mul(a, b);
          case 3 -> unit.f64.div(a, b);
          default -> unit.f64.sqrt(positive);
        };
    Value x = value(a, 52, 1023);
    Value y = value(operation == 4 ? positive : b, 52, 1023);
    boolean denormal = isDenormal64(b) || operation != 4 && isDenormal64(a);
    check(mxcsr, operation, x, y, Format.BINARY64, got, denormal, "%x %x".formatted(a, b));
    if ((mxcsr & (SseState.RC | SseState.FTZ)) == 0) {
      assertThat(got).isEqualTo(java64(operation, a, b));
    }
  }

  private void check32(int mxcsr, int operation, int a, int b) {
    if (b << 1 == 0 || a << 1 == 0 || (b & 0x7f800000) == 0x7f800000) {
      return;
    }
    unit.state.mxcsr = mxcsr;
    int positive = b & 0x7fffffff;
    int got =
        switch (operation) {
          case 0 -> unit.f32.add(a, b);
          case 1 -> unit.f32.sub(a, b);
          case 2 -> unit.f32.mul(a, b);
          case 3 -> unit.f32.div(a, b);
          default -> unit.f32.sqrt(positive);
        };
    Value x = value(widen(a), 23, 127);
    Value y = value(widen(operation == 4 ? positive : b), 23, 127);
    boolean denormal = (b & 0x7f800000) == 0 || operation != 4 && (a & 0x7f800000) == 0;
    long result = widen(got);
    check(mxcsr, operation, x, y, Format.BINARY32, result, denormal, "%x %x".formatted(a, b));
  }

  private void check(
      int mxcsr,
      int operation,
      Value x,
      Value y,
      Format format,
      long got,
      boolean denormal,
      String operands) {
    int rounding = mxcsr >>> 13 & 3;
    boolean flush = (mxcsr & SseState.FTZ) != 0;
    int flags = unit.state.raised | (mxcsr & SseState.PE);
    unit.state.raised = 0;
    String what = "op %d %s mxcsr %04x %s".formatted(operation, format, mxcsr, operands);
    int expected = (denormal ? SseState.DE : 0) | (mxcsr & SseState.PE);
    Value exact =
        switch (operation) {
          case 0 -> x.plus(y);
          case 1 -> x.plus(y.negate());
          case 2 -> x.times(y);
          default -> x.over(y);
        };
    if (operation != 4 && exact.isZero()) {
      assertThat(hex(got, flags)).as(what).isEqualTo(hex(sign(rounding == 1), expected));
      return;
    }
    Rounded r =
        operation == 4
            ? ExactModel.roundRoot(y, format, rounding)
            : ExactModel.round(exact, format, rounding);
    long bits = pack(r, format, rounding);
    if (r.tiny() && flush) {
      bits = sign(r.negative());
      expected |= SseState.UE | SseState.PE;
    } else {
      expected |= r.inexact() || r.overflow() ? SseState.PE : 0;
      expected |= r.tiny() && r.inexact() ? SseState.UE : 0;
      expected |= r.overflow() ? SseState.OE : 0;
    }
    assertThat(hex(got, flags)).as(what).isEqualTo(hex(bits, expected));
  }

  /** binary32 results are widened with the sign at the top and the rest in place. */
  private static long pack(Rounded r, Format format, int rounding) {
    int fraction = format.precision() - 1;
    if (r.overflow()) {
      boolean infinite = rounding == 0 || rounding == (r.negative() ? 1 : 2);
      long infinity = 2L * format.greatest() + 1 << fraction;
      return sign(r.negative()) | (infinite ? infinity : infinity - 1);
    }
    long significand = r.significand().longValue();
    long hidden = 1L << fraction;
    long biased = (significand & hidden) != 0 ? r.exponent() + format.greatest() : 0;
    return sign(r.negative()) | biased << fraction | significand & hidden - 1;
  }

  private static Value value(long bits, int fraction, int bias) {
    int exponent = (int) ((bits & Long.MAX_VALUE) >>> fraction);
    long significand = bits & (1L << fraction) - 1 | (exponent == 0 ? 0 : 1L << fraction);
    Value value =
        Value.of(BigInteger.valueOf(significand), Math.max(exponent, 1) - bias - fraction);
    return bits < 0 ? value.negate() : value;
  }

  private static long java64(int operation, long a, long b) {
    double x = Double.longBitsToDouble(a);
    double y = Double.longBitsToDouble(b);
    return Double.doubleToRawLongBits(
        switch (operation) {
          case 0 -> x + y;
          case 1 -> x - y;
          case 2 -> x * y;
          case 3 -> x / y;
          default -> Math.sqrt(Math.abs(y));
        });
  }

  private static String hex(long bits, int flags) {
    return "%016x flags %02x".formatted(bits, flags);
  }

  private static long sign(boolean negative) {
    return negative ? Long.MIN_VALUE : 0;
  }

  private static long widen(int bits) {
    return bits & 0x7fffffffL | (long) (bits & 0x80000000) << 32;
  }

  private static boolean isInfinite64(long b) {
    return (b >>> 52 & 0x7ff) == 0x7ff;
  }

  private static boolean isDenormal64(long b) {
    return (b >>> 52 & 0x7ff) == 0;
  }

  private static long finite64(Operands operands) {
    while (true) {
      long bits = operands.next64();
      if (!isInfinite64(bits)) {
        return bits;
      }
    }
  }

  private static int finite32(Operands operands) {
    while (true) {
      int bits = operands.next32();
      if ((bits & 0x7f800000) != 0x7f800000) {
        return bits;
      }
    }
  }
}

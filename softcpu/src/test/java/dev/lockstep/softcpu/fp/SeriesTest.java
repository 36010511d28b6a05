package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The series keep the precision they promise up to the ends of their ranges, and the 128-bit arithmetic under them does too. */
class SeriesTest {
  private static final BigDecimal SERIES_LIMIT = HighPrecision.powerOfTwo(-85);
  private static final BigDecimal ARITHMETIC_LIMIT = HighPrecision.powerOfTwo(-124);
  private static final int STEPS = 64;

  private interface Series128 {
    void of(Real128 x, Real128 result);
  }

  private interface Exact {
    BigDecimal of(BigDecimal x);
  }

  @Test
  void constants() {
    close(Series.PI, HighPrecision.PI, ARITHMETIC_LIMIT, "pi");
    close(Series.HALF_PI, HighPrecision.PI.divide(BigDecimal.TWO), ARITHMETIC_LIMIT, "pi/2");
    close(Series.QUARTER_PI, HighPrecision.PI.divide(new BigDecimal(4)), ARITHMETIC_LIMIT, "pi/4");
    close(Series.LN2, HighPrecision.LN2, ARITHMETIC_LIMIT, "ln 2");
    BigDecimal twoLog2E = BigDecimal.TWO.divide(HighPrecision.LN2, HighPrecision.DIGITS);
    close(Series.TWO_LOG2_E, twoLog2E, ARITHMETIC_LIMIT, "2/ln 2");
  }

  @Test
  void exponential() {
    for (int sign = -1; sign <= 1; sign += 2) {
      BigDecimal end = HighPrecision.LN2.multiply(BigDecimal.valueOf(sign));
      check(
          "exponential",
          end,
          Series::exponential,
          y -> HighPrecision.exponentialMinusOne(y).divide(y, HighPrecision.DIGITS));
    }
  }

  @Test
  void functionsOfSquares() {
    BigDecimal quarterPi = HighPrecision.PI.divide(new BigDecimal(4));
    checkSquared("sine", quarterPi, Series::sine, r -> quotient(HighPrecision.sine(r), r));
    checkSquared("cosine", quarterPi, Series::cosine, HighPrecision::cosine);
    checkSquared(
        "arctangent",
        new BigDecimal("0.4143"),
        Series::arctangent,
        q -> quotient(HighPrecision.arctangent(q), q));
    // artanh s = ln((1 + s)/(1 - s))/2 = ln 2 / 2 · log2(1 + 2s/(1 - s)).
    checkSquared(
        "logarithm",
        new BigDecimal("0.1716"),
        Series::logarithm,
        s -> {
          BigDecimal d = quotient(s.multiply(BigDecimal.TWO), BigDecimal.ONE.subtract(s));
          BigDecimal log = HighPrecision.log2OnePlus(d).multiply(HighPrecision.LN2);
          return quotient(log.divide(BigDecimal.TWO), s);
        });
  }

  @Test
  void arithmeticKeeps124Bits() {
    SplittableRandom random = new SplittableRandom(20_260_111);
    for (int i = 0; i < 5_000; i++) {
      Real128 a = random(random);
      Real128 b = random(random);
      BigDecimal x = value(a);
      BigDecimal y = value(b);
      Real128 result = copy(a);
      result.multiply(b);
      close(result, x.multiply(y), ARITHMETIC_LIMIT, "product");
      result = copy(a);
      result.divide(b);
      close(result, quotient(x, y), ARITHMETIC_LIMIT, "quotient");
      b.sign = a.sign;
      result = copy(a);
      result.add(b);
      close(result, value(a).add(value(b)), ARITHMETIC_LIMIT, "sum");
      result = copy(a);
      result.subtract(b);
      BigDecimal larger = x.abs().max(y.abs());
      BigDecimal error = value(result).subtract(value(a).subtract(value(b))).abs();
      assertThat(error).isLessThan(larger.multiply(ARITHMETIC_LIMIT));
    }
  }

  private static void checkSquared(String what, BigDecimal end, Series128 series, Exact exact) {
    for (int i = 1; i <= STEPS; i++) {
      BigDecimal x =
          end.multiply(BigDecimal.valueOf(i))
              .divide(BigDecimal.valueOf(STEPS), HighPrecision.DIGITS);
      Real128 argument = real(x);
      Real128 square = copy(argument);
      square.multiply(argument);
      Real128 result = new Real128();
      series.of(square, result);
      close(result, exact.of(x), SERIES_LIMIT, what + " of " + x.toEngineeringString());
    }
  }

  private static void check(String what, BigDecimal end, Series128 series, Exact exact) {
    for (int i = 1; i <= STEPS; i++) {
      BigDecimal x =
          end.multiply(BigDecimal.valueOf(i))
              .divide(BigDecimal.valueOf(STEPS), HighPrecision.DIGITS);
      Real128 result = new Real128();
      series.of(real(x), result);
      close(result, exact.of(x), SERIES_LIMIT, what + " of " + x.toEngineeringString());
    }
  }

  private static void close(Real128 got, BigDecimal exact, BigDecimal limit, String what) {
    BigDecimal error = value(got).subtract(exact).divide(exact, HighPrecision.DIGITS).abs();
    assertThat(error).as("relative error of %s", what).isLessThan(limit);
  }

  private static BigDecimal quotient(BigDecimal a, BigDecimal b) {
    return a.divide(b, HighPrecision.DIGITS);
  }

  private static Real128 real(BigDecimal x) {
    BigInteger scaled = x.abs().multiply(BigDecimal.TWO.pow(200)).toBigInteger();
    Real128 result = Real128.ofScaled(scaled, -200);
    result.sign = x.signum() < 0 ? 1 : 0;
    return result;
  }

  private static BigDecimal value(Real128 x) {
    BigInteger bits =
        new BigInteger(Long.toUnsignedString(x.high))
            .shiftLeft(64)
            .or(new BigInteger(Long.toUnsignedString(x.low)));
    BigDecimal value = new BigDecimal(bits).multiply(HighPrecision.powerOfTwo(x.exponent - 127));
    return x.sign != 0 ? value.negate() : value;
  }

  private static Real128 random(SplittableRandom random) {
    Real128 x = new Real128();
    x.sign = random.nextInt(2);
    x.high = random.nextLong() | Long.MIN_VALUE;
    x.low = random.nextInt(4) == 0 ? -random.nextInt(2) : random.nextLong();
    x.exponent = random.nextInt(-70, 71) * random.nextInt(3) / 2;
    return x;
  }

  private static Real128 copy(Real128 from) {
    Real128 x = new Real128();
    x.set(from);
    return x;
  }
}

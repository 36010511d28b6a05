package dev.lockstep.softcpu.fp;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Transcendental functions within 1 ulp of values computed with 70 digits, in every rounding mode; half an ulp, up to what 128 bits cannot decide, when rounding to nearest. */
class TranscendentalTest {
  private static final MathContext DIGITS = HighPrecision.DIGITS;
  private static final BigDecimal NEAREST_LIMIT = new BigDecimal("0.5000000001");

  /** One, and what the 70 digits lose. */
  private static final BigDecimal ONE_ULP = new BigDecimal("1.000000000000000000000000000001");

  private static final int LEAST_EXPONENT = -16382;

  private final X87Unit unit = new X87Unit();
  private int se0;
  private long sig0;
  private int se1;
  private long sig1;

  @Test
  void withinOneUlp() {
    compare(3_000, 20_260_105);
  }

  @Test
  @Tag("long")
  void withinOneUlpForLong() {
    compare(60_000, System.nanoTime());
  }

  private void compare(int cases, long seed) {
    System.out.println("TranscendentalTest seed " + seed);
    RandomGenerator random = new SplittableRandom(seed);
    for (int i = 0; i < cases; i++) {
      int control = 0x037f | random.nextInt(4) << 10;
      exponential(random, control);
      logarithm(random, control);
      logarithmPlusOne(random, control);
      trigonometric(random, control);
      arctangent(random, control);
    }
  }

  private void exponential(RandomGenerator random, int control) {
    next0(random, exponent(random, -1));
    start(control);
    unit.transcendentals.f2xm1();
    BigDecimal y = value(se0, sig0).multiply(HighPrecision.LN2, DIGITS);
    check("f2xm1", HighPrecision.exponentialMinusOne(y), 0, control);
  }

  private void logarithm(RandomGenerator random, int control) {
    boolean nearOne = random.nextBoolean();
    next0(random, nearOne ? random.nextInt(2) - 1 : random.nextInt(-16382, 16384));
    if (nearOne && random.nextBoolean()) {
      // Just above or below one.
      long distance = random.nextLong() >>> random.nextInt(2, 64);
      sig0 = (se0 & 0x7fff) == 0x3fff ? Long.MIN_VALUE + distance : -distance | Long.MIN_VALUE;
    }
    se0 &= 0x7fff;
    if (sig0 == Long.MIN_VALUE) {
      return;
    }
    next1(random, random.nextInt(-300, 300));
    start(control);
    unit.transcendentals.fyl2x();
    int exponent = se0 - 0x3fff;
    BigDecimal mantissa = HighPrecision.scaled(sig0, -63);
    if (exponent < 0) {
      exponent++;
      mantissa = HighPrecision.scaled(sig0, -64);
    }
    BigDecimal log =
        HighPrecision.log2OnePlus(mantissa.subtract(BigDecimal.ONE))
            .add(BigDecimal.valueOf(exponent), DIGITS);
    check("fyl2x", log.multiply(value(se1, sig1), DIGITS), 0, control);
  }

  private void logarithmPlusOne(RandomGenerator random, int control) {
    next0(random, exponent(random, -3));
    if (random.nextInt(4) == 0) {
      // Up to 0.29.
      se0 = se0 & 0x8000 | 0x3ffd;
      sig0 = Long.MIN_VALUE + random.nextLong(0x1500000000000000L);
    }
    next1(random, random.nextInt(-300, 300));
    start(control);
    unit.transcendentals.fyl2xp1();
    BigDecimal log = HighPrecision.log2OnePlus(value(se0, sig0));
    check("fyl2xp1", log.multiply(value(se1, sig1), DIGITS), 0, control);
  }

  private void trigonometric(RandomGenerator random, int control) {
    next0(random, random.nextInt(3) == 0 ? exponent(random, 0) : random.nextInt(-8, 63));
    if (random.nextInt(4) == 0) {
      nextMultipleOfPi(random);
    }
    BigDecimal half = HighPrecision.X87_PI.divide(BigDecimal.TWO);
    BigDecimal x = value(se0, sig0);
    boolean small = (se0 & 0x7fff) < 0x3ff0;
    BigDecimal quotient = small ? BigDecimal.ZERO : x.divide(half, 0, RoundingMode.HALF_EVEN);
    BigDecimal r = small ? x : exact(se0, sig0).subtract(quotient.multiply(half));
    int quadrant = quotient.toBigInteger().intValue() & 3;
    BigDecimal sine = HighPrecision.sine(r.round(DIGITS));
    BigDecimal cosine = HighPrecision.cosine(r.round(DIGITS));
    BigDecimal sin = (quadrant & 1) == 0 ? sine : cosine;
    BigDecimal cos = (quadrant & 1) == 0 ? cosine : sine.negate();
    sin = quadrant >= 2 ? sin.negate() : sin;
    cos = quadrant >= 2 ? cos.negate() : cos;
    start(control);
    unit.transcendentals.fsin();
    check("fsin", sin, 0, control);
    start(control);
    unit.transcendentals.fcos();
    check("fcos", cos, 0, control);
    start(control);
    unit.transcendentals.fsincos();
    check("fsincos", cos, 0, control);
    check("fsincos", sin, 1, control);
    start(control);
    unit.transcendentals.fptan();
    check("fptan", sin.divide(cos, DIGITS), 1, control);
    assertThat(unit.state.significand[unit.state.top]).isEqualTo(Long.MIN_VALUE);
  }

  private void arctangent(RandomGenerator random, int control) {
    int exponent = random.nextInt(-16382, 16384);
    next0(random, exponent);
    int other =
        random.nextInt(4) == 0 ? random.nextInt(-16382, 16384) : exponent + random.nextInt(-70, 71);
    next1(random, Math.clamp(other, -16382, 16383));
    if (random.nextInt(8) == 0) {
      se1 = se0;
      sig1 = sig0 ^ random.nextInt(3);
    }
    start(control);
    unit.transcendentals.fpatan();
    BigDecimal x = value(se0 & 0x7fff, sig0);
    BigDecimal y = value(se1 & 0x7fff, sig1);
    boolean steep = x.compareTo(y) < 0;
    BigDecimal q = steep ? x.divide(y, DIGITS) : y.divide(x, DIGITS);
    BigDecimal angle = HighPrecision.arctangent(q);
    if (steep) {
      angle = HighPrecision.PI.divide(BigDecimal.TWO).subtract(angle, DIGITS);
    }
    if (se0 > 0x7fff) {
      angle = HighPrecision.PI.subtract(angle, DIGITS);
    }
    check("fpatan", se1 > 0x7fff ? angle.negate() : angle, 0, control);
  }

  private void check(String what, BigDecimal exact, int register, int control) {
    X87State state = unit.state;
    int at = state.physical(register);
    int se = state.signExponent[at];
    long sig = state.significand[at];
    int exponent = Math.max((se & 0x7fff) - 16383, LEAST_EXPONENT);
    BigDecimal error =
        exact
            .subtract(value(se, sig), DIGITS)
            .divide(HighPrecision.powerOfTwo(exponent - 63), DIGITS)
            .abs();
    boolean nearest = (control & 0x0c00) == 0;
    assertThat(error)
        .as(
            "ulps of %s of %04x:%016x %04x:%016x cw %04x = %04x:%016x",
            what, se0, sig0, se1, sig1, control, se, sig)
        .isLessThanOrEqualTo(nearest ? NEAREST_LIMIT : ONE_ULP);
    assertThat(state.status & X87State.PE).isEqualTo(X87State.PE);
  }

  private void start(int control) {
    unit.state.init();
    unit.state.setControl(control);
    unit.state.push(se1, sig1);
    unit.state.push(se0, sig0);
  }

  /** Mostly near the limit, sometimes anywhere down to the denormals. */
  private static int exponent(RandomGenerator random, int limit) {
    return random.nextInt(4) == 0
        ? random.nextInt(-16382, limit)
        : limit - random.nextInt(random.nextBoolean() ? 8 : 140);
  }

  private void next0(RandomGenerator random, int exponent) {
    se0 = random.nextInt(2) << 15 | exponent + 16383;
    sig0 = random.nextLong() | Long.MIN_VALUE;
  }

  private void next1(RandomGenerator random, int exponent) {
    se1 = random.nextInt(2) << 15 | exponent + 16383;
    sig1 = random.nextLong() | Long.MIN_VALUE;
  }

  /** The nearest 80-bit number to a multiple of Pi/2. */
  private void nextMultipleOfPi(RandomGenerator random) {
    BigDecimal multiple =
        HighPrecision.X87_PI.multiply(
            BigDecimal.valueOf(random.nextInt(1, 1 << random.nextInt(1, 31))));
    BigInteger bits = multiple.multiply(BigDecimal.TWO.pow(64)).toBigInteger();
    int shift = bits.bitLength() - 64;
    se0 = se0 & 0x8000 | 0x3fff + bits.bitLength() - 1 - 65;
    sig0 = bits.shiftRight(shift).longValue();
  }

  private static BigDecimal value(int se, long sig) {
    int exponent = Math.max((se & 0x7fff) - 16383, LEAST_EXPONENT);
    BigDecimal value = HighPrecision.scaled(sig, exponent - 63);
    return se > 0x7fff ? value.negate() : value;
  }

  /** Without rounding to 70 digits; for exponents near 0 only. */
  private static BigDecimal exact(int se, long sig) {
    BigDecimal bits = new BigDecimal(Long.toUnsignedString(sig));
    int exponent = (se & 0x7fff) - 16383 - 63;
    BigDecimal power = BigDecimal.TWO.pow(Math.abs(exponent));
    BigDecimal value = exponent < 0 ? bits.divide(power) : bits.multiply(power);
    return se > 0x7fff ? value.negate() : value;
  }
}

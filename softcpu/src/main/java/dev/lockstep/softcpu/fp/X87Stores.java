package dev.lockstep.softcpu.fp;

import dev.lockstep.softcpu.fp.Operand.Kind;

/**
 * Stores to memory in two phases. A {@code prepare} method computes raw bits into {@link #low} and {@link #high} and changes nothing else; when it returns true the caller writes memory (which may
 * fault, and then nothing has happened) and calls {@link #commit} or {@link #commitPop}. When it returns false an unmasked exception forbids the store: the flags are set already, and neither
 * memory nor stack may be touched.
 */
public final class X87Stores {
  private static final int BIAS_F32 = 127;
  private static final int BIAS_F64 = 1023;
  private static final int PRECISION_F32 = 24;
  private static final int PRECISION_F64 = 53;
  private static final long INDEFINITE_F32 = 0xffc00000L;
  private static final long INDEFINITE_F64 = 0xfff8000000000000L;
  private static final long INDEFINITE_BCD_LOW = 0xc000000000000000L;
  private static final int INDEFINITE_BCD_HIGH = 0xffff;
  private static final long LARGEST_BCD = 999_999_999_999_999_999L;
  private static final int RANGE = X87State.OE | X87State.UE;

  /** The bits to store; for ten bytes the lower eight. */
  public long low;

  /** Bits 79..64 of a ten-byte operand, 0..0xffff. */
  public int high;

  private final X87State state;
  private final X87Stack stack;
  private final F80 f80;
  private boolean stackFault;

  X87Stores(X87Stack stack) {
    this.state = stack.state;
    this.stack = stack;
    this.f80 = stack.f80;
  }

  /** FST(P) m32: {@link #low} bits 31..0. */
  public boolean prepareF32() {
    return prepareFloat(PRECISION_F32, BIAS_F32, INDEFINITE_F32);
  }

  /** FST(P) m64: {@link #low}. */
  public boolean prepareF64() {
    return prepareFloat(PRECISION_F64, BIAS_F64, INDEFINITE_F64);
  }

  /** FSTP m80: significand in {@link #low}, sign and exponent in {@link #high}. Raw, no exception but stack underflow. */
  public boolean prepareF80() {
    if (begin()) {
      int register = state.physical(0);
      low = state.significand[register];
      high = state.signExponent[register];
    } else {
      low = F80.INDEFINITE;
      high = F80.INDEFINITE_SE;
    }
    return settle();
  }

  /** FIST(P) m16: {@link #low}, sign-extended. */
  public boolean prepareI16() {
    return prepareInteger(16);
  }

  /** FIST(P) m32: {@link #low}, sign-extended. */
  public boolean prepareI32() {
    return prepareInteger(32);
  }

  /** FISTP m64: {@link #low}. */
  public boolean prepareI64() {
    return prepareInteger(64);
  }

  /** FBSTP: bytes 0..7 in {@link #low}, bytes 8..9 in {@link #high}. */
  public boolean prepareBcd() {
    low = INDEFINITE_BCD_LOW;
    high = INDEFINITE_BCD_HIGH;
    if (begin()) {
      stack.read(f80.a, 0);
      if (isInteger() && Long.compareUnsigned(f80.wide.high, LARGEST_BCD) <= 0) {
        takeRounding();
        setDecimal(f80.wide.high);
      } else {
        f80.flags |= X87State.IE;
      }
    }
    return settle();
  }

  /** The store succeeded, no pop. */
  public void commit() {
    int flags = f80.flags | (stackFault ? X87State.IE | X87State.SF : 0);
    state.status = state.status & ~X87State.C1 | flags | (f80.roundedUp ? X87State.C1 : 0);
  }

  /** The store succeeded; pops. */
  public void commitPop() {
    commit();
    state.pop();
  }

  /** Starts; false if ST(0) is empty. */
  private boolean begin() {
    f80.begin(state.control);
    stackFault = state.isEmpty(0);
    return !stackFault;
  }

  /** Whether to store; if not, raises what forbids it. */
  private boolean settle() {
    int flags = f80.flags | (stackFault ? X87State.IE : 0);
    int forbidding = flags & ~state.control & (X87State.IE | RANGE);
    if (forbidding == 0) {
      return true;
    }
    if ((forbidding & RANGE) != 0) {
      // Nothing was rounded into memory, so nothing is inexact (seen on hardware).
      f80.flags &= ~X87State.PE;
      f80.roundedUp = false;
    }
    commit();
    return false;
  }

  private boolean prepareFloat(int precision, int bias, long indefinite) {
    low = indefinite;
    if (begin()) {
      stack.read(f80.a, 0);
      int width = precision == PRECISION_F32 ? 32 : 64;
      if (f80.a.kind == Kind.FINITE) {
        f80.wide.set(f80.a);
        roundTo(precision, bias);
      }
      convert(precision, bias, width, indefinite);
    }
    return settle();
  }

  /** Rounds a finite value into the format; the result stays in {@code wide}, its biased exponent in {@link #high}. */
  private void roundTo(int precision, int bias) {
    Wide wide = f80.wide;
    long bits = wide.high;
    int exponent = wide.exponent;
    wide.round(precision, f80.rounding());
    high = wide.exponent + bias;
    if (high > 2 * bias) {
      f80.flags |= X87State.OE | X87State.PE;
      boolean infinite = F80.overflowsToInfinity(f80.rounding(), wide.sign);
      f80.roundedUp = infinite;
      high = infinite ? 2 * bias + 1 : 2 * bias;
      wide.high = infinite ? F80.INTEGER_BIT : -1L << 64 - precision;
      return;
    }
    if (high <= 0) {
      if (!f80.isMasked(X87State.UE)) {
        f80.flags |= X87State.UE;
      }
      wide.high = bits;
      wide.exponent = exponent;
      wide.denormalise(1 - bias);
      wide.round(precision, f80.rounding());
      high = wide.high < 0 ? 1 : 0;
      f80.flags |= wide.inexact ? X87State.UE : 0;
    }
    takeRounding();
  }

  private void convert(int precision, int bias, int width, long indefinite) {
    long sign = (long) f80.a.sign << width - 1;
    int top = 2 * bias + 1;
    int fraction = precision - 1;
    low =
        switch (f80.a.kind) {
          case ZERO -> sign;
          case INFINITY -> sign | (long) top << fraction;
          case FINITE -> sign | (long) high << fraction | f80.wide.high << 1 >>> 64 - fraction;
          case QUIET_NAN, SIGNALLING_NAN -> {
            f80.setNan(f80.a);
            yield sign | (long) top << fraction | f80.significand << 1 >>> 64 - fraction;
          }
          case UNSUPPORTED -> {
            f80.invalid();
            yield indefinite;
          }
        };
  }

  private boolean prepareInteger(int width) {
    long least = -1L << width - 1;
    low = least;
    if (begin()) {
      stack.read(f80.a, 0);
      long magnitude = isInteger() ? f80.wide.high : -1L;
      long limit = f80.a.sign != 0 ? -least : ~least;
      if (Long.compareUnsigned(magnitude, limit) <= 0) {
        takeRounding();
        low = f80.a.sign != 0 ? -magnitude : magnitude;
      } else {
        f80.flags |= X87State.IE;
      }
    }
    return settle();
  }

  /** Rounds a to an integer in {@code wide.high}; false if it has no magnitude below 2^64. */
  private boolean isInteger() {
    Wide wide = f80.wide;
    if (f80.a.kind == Kind.ZERO) {
      wide.high = 0;
      wide.inexact = false;
      wide.roundedUp = false;
      return true;
    }
    if (f80.a.kind != Kind.FINITE || f80.a.exponent > 63) {
      return false;
    }
    wide.set(f80.a);
    wide.roundToInteger(f80.rounding());
    return true;
  }

  private void takeRounding() {
    f80.flags |= f80.wide.inexact ? X87State.PE : 0;
    f80.roundedUp = f80.wide.roundedUp;
  }

  private void setDecimal(long magnitude) {
    long rest = magnitude;
    low = 0;
    for (int i = 0; i < 16; i++) {
      low |= rest % 10 << 4 * i;
      rest /= 10;
    }
    high = (int) (rest % 10 | rest / 10 << 4) | f80.a.sign << 15;
  }
}

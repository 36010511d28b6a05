package dev.lockstep.softcpu.fp;

/** Transcendental functions, by 128-bit integer arithmetic; within 1 ulp of the exact value (SDM vol. 1 8.3.10), the argument of the trigonometric ones reduced by the exact pi. */
public final class X87Transcendentals {
  private final X87Stack stack;

  X87Transcendentals(X87Stack stack) {
    this.stack = stack;
  }

  /** F2XM1. */
  public void f2xm1() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.f2xm1 is not implemented yet");
  }

  /** FYL2X. */
  public void fyl2x() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fyl2x is not implemented yet");
  }

  /** FYL2XP1. */
  public void fyl2xp1() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fyl2xp1 is not implemented yet");
  }

  /** FSIN. */
  public void fsin() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fsin is not implemented yet");
  }

  /** FCOS. */
  public void fcos() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fcos is not implemented yet");
  }

  /** FSINCOS. */
  public void fsincos() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fsincos is not implemented yet");
  }

  /** FPTAN. */
  public void fptan() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fptan is not implemented yet");
  }

  /** FPATAN. */
  public void fpatan() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Transcendentals.fpatan is not implemented yet");
  }
}

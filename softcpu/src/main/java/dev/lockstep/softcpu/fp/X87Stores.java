package dev.lockstep.softcpu.fp;

/** Stores to memory in two phases. A {@code prepare} method computes raw bits into {@link #low} and {@link #high} and changes nothing else; when it returns true the caller writes memory (which may fault, and then nothing has happened) and calls {@link #commit} or {@link #commitPop}. When it returns false an unmasked exception forbids the store: the flags are set already, and neither memory nor stack may be touched. */
public final class X87Stores {
  /** The bits to store, and for m80 and decimals the upper 16 bits. */
  public long low;

  /** Bits 79..64 of a ten-byte operand, 0..0xffff. */
  public int high;

  private final X87State state;

  public X87Stores(X87State state) {
    this.state = state;
  }

  /** FST(P) m32: {@link #low} bits 31..0. */
  public boolean prepareF32() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareF32 is not implemented yet");
  }

  /** FST(P) m64: {@link #low}. */
  public boolean prepareF64() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareF64 is not implemented yet");
  }

  /** FSTP m80: significand in {@link #low}, sign and exponent in {@link #high}. */
  public boolean prepareF80() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareF80 is not implemented yet");
  }

  /** FIST(P) m16: {@link #low}, sign-extended. */
  public boolean prepareI16() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareI16 is not implemented yet");
  }

  /** FIST(P) m32: {@link #low}, sign-extended. */
  public boolean prepareI32() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareI32 is not implemented yet");
  }

  /** FISTP m64: {@link #low}. */
  public boolean prepareI64() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareI64 is not implemented yet");
  }

  /** FBSTP: bytes 0..7 in {@link #low}, bytes 8..9 in {@link #high}. */
  public boolean prepareBcd() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.prepareBcd is not implemented yet");
  }

  /** The store succeeded, no pop. */
  public void commit() {
    throw new UnsupportedOperationException("softcpu.fp: X87Stores.commit is not implemented yet");
  }

  /** The store succeeded; pops. */
  public void commitPop() {
    throw new UnsupportedOperationException(
        "softcpu.fp: X87Stores.commitPop is not implemented yet");
  }
}

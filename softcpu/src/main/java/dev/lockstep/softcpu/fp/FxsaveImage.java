package dev.lockstep.softcpu.fp;

/**
 * The 512-byte image of FXSAVE and FXRSTOR (Intel SDM vol. 1 10.5.1). Two forms: 64-bit pointers with REX.W, 32-bit offsets with selectors without. Bytes that the CPU does not define are left as
 * they are in the caller's buffer.
 */
public final class FxsaveImage {
  /** Bytes of the image; its address must be 16-byte aligned. */
  public static final int BYTES = 512;

  /** Bytes that a store with {@code xmmRegisters} registers may change: 288 for 8, 416 for 16. */
  public static int writtenBytes(int xmmRegisters) {
    return XMM_AT + 16 * xmmRegisters;
  }

  private static final int MXCSR_AT = 24;
  private static final int ST_AT = 32;
  private static final int XMM_AT = 160;

  private FxsaveImage() {}

  /** FXSAVE without REX.W. {@code xmmRegisters}: 16 in 64-bit mode, else 8. */
  public static void store32(X87State x87, SseState sse, byte[] image, int xmmRegisters) {
    storeCommon(x87, sse, image, xmmRegisters);
    Bytes.put32(image, 8, (int) x87.fip);
    Bytes.put32(image, 12, x87.fcs & 0xffff);
    Bytes.put32(image, 16, (int) x87.fdp);
    Bytes.put32(image, 20, x87.fds & 0xffff);
  }

  /** FXSAVE64: 16 XMM registers, 64-bit pointers, no selectors. */
  public static void store64(X87State x87, SseState sse, byte[] image) {
    storeCommon(x87, sse, image, 16);
    Bytes.put64(image, 8, x87.fip);
    Bytes.put64(image, 16, x87.fdp);
  }

  /** Whether FXRSTOR accepts the image's MXCSR; if not, it raises #GP(0) and loads nothing. */
  public static boolean isValid(byte[] image) {
    return (Bytes.get32(image, MXCSR_AT) & ~SseState.MXCSR_MASK) == 0;
  }

  /** FXRSTOR without REX.W, of an image that {@link #isValid}. */
  public static void load32(X87State x87, SseState sse, byte[] image, int xmmRegisters) {
    loadCommon(x87, sse, image, xmmRegisters);
    x87.fip = Bytes.get32(image, 8) & 0xffffffffL;
    x87.fcs = Bytes.get16(image, 12);
    x87.fdp = Bytes.get32(image, 16) & 0xffffffffL;
    x87.fds = Bytes.get16(image, 20);
  }

  /** FXRSTOR64, of an image that {@link #isValid}. */
  public static void load64(X87State x87, SseState sse, byte[] image) {
    loadCommon(x87, sse, image, 16);
    x87.fip = Bytes.get64(image, 8);
    x87.fcs = 0;
    x87.fdp = Bytes.get64(image, 16);
    x87.fds = 0;
  }

  private static void storeCommon(X87State x87, SseState sse, byte[] image, int xmmRegisters) {
    Bytes.put16(image, 0, x87.control);
    Bytes.put16(image, 2, x87.statusWord());
    image[4] = (byte) x87.occupied;
    image[5] = 0;
    Bytes.put16(image, 6, x87.fop & 0x7ff);
    Bytes.put32(image, MXCSR_AT, sse.mxcsr);
    Bytes.put32(image, MXCSR_AT + 4, SseState.MXCSR_MASK);
    for (int i = 0; i < 8; i++) {
      int register = x87.physical(i);
      int at = ST_AT + 16 * i;
      Bytes.put64(image, at, x87.significand[register]);
      Bytes.put64(image, at + 8, x87.signExponent[register] & 0xffffL);
    }
    for (int i = 0; i < 2 * xmmRegisters; i++) {
      Bytes.put64(image, XMM_AT + 8 * i, sse.xmm[i]);
    }
  }

  private static void loadCommon(X87State x87, SseState sse, byte[] image, int xmmRegisters) {
    x87.setControl(Bytes.get16(image, 0));
    x87.setStatusWord(Bytes.get16(image, 2));
    x87.occupied = image[4] & 0xff;
    x87.fop = Bytes.get16(image, 6) & 0x7ff;
    sse.mxcsr = Bytes.get32(image, MXCSR_AT);
    for (int i = 0; i < 8; i++) {
      int register = x87.physical(i);
      int at = ST_AT + 16 * i;
      x87.significand[register] = Bytes.get64(image, at);
      x87.signExponent[register] = Bytes.get16(image, at + 8);
    }
    for (int i = 0; i < 2 * xmmRegisters; i++) {
      sse.xmm[i] = Bytes.get64(image, XMM_AT + 8 * i);
    }
  }
}

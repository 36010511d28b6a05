package dev.lockstep.softcpu.fp;

/**
 * The memory images of FSTENV and FSAVE (Intel SDM vol. 1 8.1.10, figures 8-9 to 8-12). The format depends on the operand size and on whether the CPU is in real or virtual-8086 mode.
 *
 * <p>FNSTENV, after the image is stored, masks all exceptions; FNSAVE initialises the unit: the caller does that by {@link #afterStoreEnvironment} and {@link X87State#init}.
 */
public final class X87Images {
  /** Bytes of the largest image, FSAVE with 32-bit operands. */
  public static final int MAX_BYTES = 108;

  private static final int REGISTER_BYTES = 10;
  private static final int OPCODE_BITS = 0x7ff;

  private X87Images() {}

  /** Layout of an environment. */
  public enum Format {
    /** 16-bit operand size, real or virtual-8086 mode: 14 bytes, 20-bit linear pointers. */
    REAL16(14),
    /** 16-bit operand size, protected mode: 14 bytes, selector:offset. */
    PROTECTED16(14),
    /** 32-bit operand size, real or virtual-8086 mode: 28 bytes, 32-bit linear pointers. */
    REAL32(28),
    /** 32-bit operand size, protected and 64-bit mode: 28 bytes, selector:offset. */
    PROTECTED32(28);

    private final int environmentBytes;

    Format(int environmentBytes) {
      this.environmentBytes = environmentBytes;
    }

    /** Bytes of FSTENV and FLDENV: 14 or 28. */
    public int environmentBytes() {
      return environmentBytes;
    }

    /** Bytes of FSAVE and FRSTOR: 94 or 108. */
    public int saveBytes() {
      return environmentBytes + 8 * REGISTER_BYTES;
    }
  }

  /** Writes the environment to the first {@link Format#environmentBytes} of {@code image}. */
  public static void storeEnvironment(X87State state, Format format, byte[] image) {
    switch (format) {
      case REAL16 -> storeReal16(state, image);
      case PROTECTED16 -> storeProtected16(state, image);
      case REAL32 -> storeReal32(state, image);
      case PROTECTED32 -> storeProtected32(state, image);
    }
  }

  /** FNSTENV's effect on the state, once its image is in memory. */
  public static void afterStoreEnvironment(X87State state) {
    state.setControl(state.control | X87State.EXCEPTIONS);
  }

  /** FLDENV. Exceptions that the loaded words leave unmasked are pending at once. */
  public static void loadEnvironment(X87State state, Format format, byte[] image) {
    int width = format.environmentBytes / 7;
    state.setControl(Bytes.get16(image, 0));
    state.setStatusWord(Bytes.get16(image, width));
    state.setTagWord(Bytes.get16(image, 2 * width));
    switch (format) {
      case REAL16 -> loadReal16(state, image);
      case PROTECTED16 -> loadProtected16(state, image);
      case REAL32 -> loadReal32(state, image);
      case PROTECTED32 -> loadProtected32(state, image);
    }
  }

  /** Writes FSAVE's image: the environment, then ST(0)..ST(7). */
  public static void save(X87State state, Format format, byte[] image) {
    storeEnvironment(state, format, image);
    for (int i = 0; i < 8; i++) {
      int register = state.physical(i);
      int at = format.environmentBytes + REGISTER_BYTES * i;
      Bytes.put64(image, at, state.significand[register]);
      Bytes.put16(image, at + 8, state.signExponent[register]);
    }
  }

  /** FRSTOR. */
  public static void restore(X87State state, Format format, byte[] image) {
    loadEnvironment(state, format, image);
    for (int i = 0; i < 8; i++) {
      int register = state.physical(i);
      int at = format.environmentBytes + REGISTER_BYTES * i;
      state.significand[register] = Bytes.get64(image, at);
      state.signExponent[register] = Bytes.get16(image, at + 8);
    }
  }

  private static void storeProtected16(X87State state, byte[] image) {
    storeWords(state, image, 2);
    Bytes.put16(image, 6, (int) state.fip);
    Bytes.put16(image, 8, state.fcs);
    Bytes.put16(image, 10, (int) state.fdp);
    Bytes.put16(image, 12, state.fds);
  }

  private static void loadProtected16(X87State state, byte[] image) {
    state.fip = Bytes.get16(image, 6);
    state.fcs = Bytes.get16(image, 8);
    state.fdp = Bytes.get16(image, 10);
    state.fds = Bytes.get16(image, 12);
  }

  private static void storeReal16(X87State state, byte[] image) {
    storeWords(state, image, 2);
    long code = linear(state.fcs, state.fip);
    long data = linear(state.fds, state.fdp);
    Bytes.put16(image, 6, (int) code);
    Bytes.put16(image, 8, (int) (code >>> 4) & 0xf000 | state.fop & OPCODE_BITS);
    Bytes.put16(image, 10, (int) data);
    Bytes.put16(image, 12, (int) (data >>> 4) & 0xf000);
  }

  private static void loadReal16(X87State state, byte[] image) {
    int code = Bytes.get16(image, 8);
    state.fip = Bytes.get16(image, 6) | (code & 0xf000) << 4;
    state.fop = code & OPCODE_BITS;
    state.fcs = 0;
    state.fdp = Bytes.get16(image, 10) | (Bytes.get16(image, 12) & 0xf000) << 4;
    state.fds = 0;
  }

  private static void storeProtected32(X87State state, byte[] image) {
    storeWords(state, image, 4);
    Bytes.put32(image, 12, (int) state.fip);
    Bytes.put32(image, 16, state.fcs & 0xffff | (state.fop & OPCODE_BITS) << 16);
    Bytes.put32(image, 20, (int) state.fdp);
    Bytes.put32(image, 24, state.fds & 0xffff | 0xffff0000);
  }

  private static void loadProtected32(X87State state, byte[] image) {
    state.fip = Bytes.get32(image, 12) & 0xffffffffL;
    state.fcs = Bytes.get16(image, 16);
    state.fop = Bytes.get16(image, 18) & OPCODE_BITS;
    state.fdp = Bytes.get32(image, 20) & 0xffffffffL;
    state.fds = Bytes.get16(image, 24);
  }

  private static void storeReal32(X87State state, byte[] image) {
    storeWords(state, image, 4);
    long code = linear(state.fcs, state.fip);
    long data = linear(state.fds, state.fdp);
    Bytes.put32(image, 12, (int) code & 0xffff | 0xffff0000);
    Bytes.put32(image, 16, (int) (code >>> 16) << 12 | state.fop & OPCODE_BITS);
    Bytes.put32(image, 20, (int) data & 0xffff | 0xffff0000);
    Bytes.put32(image, 24, (int) (data >>> 16) << 12);
  }

  private static void loadReal32(X87State state, byte[] image) {
    int code = Bytes.get32(image, 16);
    state.fip = (Bytes.get16(image, 12) | (code >>> 12) << 16) & 0xffffffffL;
    state.fop = code & OPCODE_BITS;
    state.fcs = 0;
    state.fdp = (Bytes.get16(image, 20) | (Bytes.get32(image, 24) >>> 12) << 16) & 0xffffffffL;
    state.fds = 0;
  }

  /** Control, status and tag word, each in a field of {@code width} bytes; the upper half of a wide one is all ones. */
  private static void storeWords(X87State state, byte[] image, int width) {
    storeWord(image, 0, width, state.control);
    storeWord(image, width, width, state.statusWord());
    storeWord(image, 2 * width, width, state.tagWord());
  }

  private static void storeWord(byte[] image, int at, int width, int value) {
    Bytes.put16(image, at, value);
    if (width == 4) {
      Bytes.put16(image, at + 2, 0xffff);
    }
  }

  private static long linear(int selector, long offset) {
    return ((long) selector << 4) + offset;
  }
}

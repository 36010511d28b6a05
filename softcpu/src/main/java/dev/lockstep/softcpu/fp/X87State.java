package dev.lockstep.softcpu.fp;

import java.util.Arrays;

/**
 * The x87 registers (Intel SDM vol. 1 chapter 8), also holding the MMX registers that alias them.
 *
 * <p>Registers are indexed physically, R0..R7; {@link #physical} turns ST(i) into an index. ES and B of the status word are never stored: they are a function of the flags and the masks.
 */
public final class X87State {
  /** Invalid operation, status bit 0 and control mask bit 0; the others follow in order. */
  public static final int IE = 0x01;

  /** Denormal operand. */
  public static final int DE = 0x02;

  /** Division by zero. */
  public static final int ZE = 0x04;

  /** Overflow. */
  public static final int OE = 0x08;

  /** Underflow. */
  public static final int UE = 0x10;

  /** Precision: the result is inexact. */
  public static final int PE = 0x20;

  /** Stack fault. */
  public static final int SF = 0x40;

  /** Error summary. */
  public static final int ES = 0x80;

  /** Condition code bits of the status word. */
  public static final int C0 = 0x0100, C1 = 0x0200, C2 = 0x0400, C3 = 0x4000;

  /** Busy: the same as {@link #ES} since the 387. */
  public static final int BUSY = 0x8000;

  /** Control word after FNINIT. */
  public static final int CONTROL_INIT = 0x037f;

  /** The six exception flags, in status and control word alike. */
  static final int EXCEPTIONS = 0x3f;

  private static final int CONDITIONS = C0 | C1 | C2 | C3;
  private static final int STORED_STATUS = EXCEPTIONS | SF | CONDITIONS;
  private static final int CONTROL_BITS = 0x1f3f;
  private static final int CONTROL_ALWAYS_ONE = 0x0040;
  private static final int TAG_VALID = 0;
  private static final int TAG_ZERO = 1;
  private static final int TAG_SPECIAL = 2;
  private static final int TAG_EMPTY = 3;

  /** 64-bit significands of R0..R7, explicit integer bit at bit 63; MM0..MM7. */
  public final long[] significand = new long[8];

  /** Sign (bit 15) and biased exponent (bits 14..0) of R0..R7; always 0..0xffff. */
  public final int[] signExponent = new int[8];

  /** TOP, 0..7. */
  public int top;

  /** Bit i: Ri is not empty. */
  public int occupied;

  /** Control word. Write with {@link #setControl}. */
  public int control = CONTROL_INIT;

  /** Exception flags, SF and C0..C3 of the status word; no TOP, ES or B. */
  public int status;

  /** Offset of the last non-control instruction. The CPU core writes it. */
  public long fip;

  /** Offset of the last memory operand. */
  public long fdp;

  /** Selector of {@link #fip}. */
  public int fcs;

  /** Selector of {@link #fdp}. */
  public int fds;

  /** Opcode of the last non-control instruction: low 3 bits of the first byte, then ModR/M; 11 bits. */
  public int fop;

  /** FNINIT: registers keep their contents but become empty. */
  public void init() {
    control = CONTROL_INIT;
    status = 0;
    top = 0;
    occupied = 0;
    fip = 0;
    fdp = 0;
    fcs = 0;
    fds = 0;
    fop = 0;
  }

  /** The state after RESET (Intel SDM vol. 3A table 9-1): registers +0.0 and not empty, everything masked by nothing. */
  public void reset() {
    init();
    control = 0x0040;
    occupied = 0xff;
    Arrays.fill(significand, 0);
    Arrays.fill(signExponent, 0);
  }

  /** Index of ST(i). */
  public int physical(int i) {
    return (top + i) & 7;
  }

  /** Whether ST(i) is empty. */
  public boolean isEmpty(int i) {
    return (occupied >>> physical(i) & 1) == 0;
  }

  /** The whole status word, as FNSTSW stores it. */
  public int statusWord() {
    return status | top << 11 | (pendingException() ? ES | BUSY : 0);
  }

  /** Sets flags, condition codes and TOP; ES and B of the argument are ignored, since they follow from flags and masks. */
  public void setStatusWord(int word) {
    status = word & STORED_STATUS;
    top = word >>> 11 & 7;
  }

  /** FLDCW: reserved bits 7 and 13..15 read back as zero, bit 6 as one. */
  public void setControl(int word) {
    control = word & CONTROL_BITS | CONTROL_ALWAYS_ONE;
  }

  /** Whether an unmasked exception waits: the next waiting x87 or MMX instruction raises #MF. */
  public boolean pendingException() {
    return (status & ~control & EXCEPTIONS) != 0;
  }

  /** FNCLEX. */
  public void clearExceptions() {
    status &= CONDITIONS;
  }

  /** FINCSTP. */
  public void incrementTop() {
    top = top + 1 & 7;
    status &= ~C1;
  }

  /** FDECSTP. */
  public void decrementTop() {
    top = top - 1 & 7;
    status &= ~C1;
  }

  /** FFREE ST(i). The manual leaves the condition codes undefined; C1 is cleared. */
  public void free(int i) {
    occupied &= ~(1 << physical(i));
    status &= ~C1;
  }

  /** What every MMX instruction but EMMS does first: TOP = 0, no register empty (SDM vol. 1 9.6.2). */
  public void enterMmx() {
    top = 0;
    occupied = 0xff;
  }

  /** Writes MMi after {@link #enterMmx}: sign and exponent become all ones. */
  public void setMmx(int i, long value) {
    significand[i] = value;
    signExponent[i] = 0xffff;
  }

  /** EMMS: every register is empty; TOP becomes 0. */
  public void emms() {
    top = 0;
    occupied = 0;
  }

  /** The full tag word, two bits a register from R0 up, derived from the contents (SDM vol. 1 8.1.7). */
  public int tagWord() {
    int word = 0;
    for (int i = 0; i < 8; i++) {
      word |= tag(i) << (2 * i);
    }
    return word;
  }

  /** Takes only empty or not empty from a full tag word, as the hardware does. */
  public void setTagWord(int word) {
    int mask = 0;
    for (int i = 0; i < 8; i++) {
      if ((word >>> (2 * i) & 3) != TAG_EMPTY) {
        mask |= 1 << i;
      }
    }
    occupied = mask;
  }

  private int tag(int register) {
    if ((occupied >>> register & 1) == 0) {
      return TAG_EMPTY;
    }
    int exponent = signExponent[register] & 0x7fff;
    long bits = significand[register];
    if (exponent == 0 && bits == 0) {
      return TAG_ZERO;
    }
    return exponent == 0 || exponent == 0x7fff || bits >= 0 ? TAG_SPECIAL : TAG_VALID;
  }

  /** Pops: ST(0) becomes empty, TOP goes up. */
  void pop() {
    occupied &= ~(1 << top);
    top = top + 1 & 7;
  }

  /** Pushes a value without a check for overflow. */
  void push(int se, long sig) {
    top = top - 1 & 7;
    occupied |= 1 << top;
    signExponent[top] = se;
    significand[top] = sig;
  }

  /** Writes ST(i), which is then not empty. */
  void set(int i, int se, long sig) {
    int register = physical(i);
    occupied |= 1 << register;
    signExponent[register] = se;
    significand[register] = sig;
  }
}

package dev.lockstep.softcpu.fp;

/**
 * XMM registers and MXCSR (Intel SDM vol. 1 10.2), and the exception flags that the instruction in progress has raised so far.
 *
 * <p>The life of an SSE floating-point instruction: the kernels of {@link SseF32}, {@link SseF64} and {@link SseConversions} run for every element and collect flags in {@link #raised}; then
 * {@link #complete} moves them to MXCSR and says whether the destination may be written or #XM (#UD without CR4.OSXMMEXCPT) is due. While {@code raised} is 0, which is nearly always, the call may
 * be left out.
 */
public final class SseState {
  /** Invalid operation: flag bit 0, mask bit 7; the others follow in order. */
  public static final int IE = 0x01;

  /** Denormal operand. */
  public static final int DE = 0x02;

  /** Division by zero. */
  public static final int ZE = 0x04;

  /** Overflow. */
  public static final int OE = 0x08;

  /** Underflow. */
  public static final int UE = 0x10;

  /** Precision. */
  public static final int PE = 0x20;

  /** Denormals are zeros. */
  public static final int DAZ = 0x40;

  /** Flush to zero. */
  public static final int FTZ = 0x8000;

  /** The mask of the precision exception. */
  public static final int PM = 0x1000;

  /** The mask of the underflow exception. */
  public static final int UM = 0x0800;

  /** Rounding control, bits 14..13. */
  public static final int RC = 0x6000;

  /** MXCSR after reset and INIT. */
  public static final int MXCSR_INIT = 0x1f80;

  /** MXCSR_MASK that FXSAVE reports: all 16 bits, DAZ among them. Setting any other bit is #GP. */
  public static final int MXCSR_MASK = 0xffff;

  static final int FLAGS = 0x3f;
  static final int PRE_COMPUTATION = IE | DE | ZE;
  private static final int MASK_SHIFT = 7;
  private static final int FAST_BITS = RC | FTZ | DAZ | PE | PM;

  /** XMM0..XMM15: low half of XMMi at 2i, high half at 2i+1. */
  public final long[] xmm = new long[32];

  /** MXCSR, 0..0xffff. The caller of LDMXCSR and FXRSTOR checks {@link #MXCSR_MASK} first. */
  public int mxcsr = MXCSR_INIT;

  /** Flags raised by the elements of the instruction in progress; 0 between instructions. */
  public int raised;

  /**
   * Ends an instruction that raised flags: moves {@link #raised} to MXCSR and clears it.
   *
   * <p>When an element has an unmasked exception of operands (IE, DE, ZE), the flags of results (OE, UE, PE) are dropped, since no result was computed (SDM vol. 1 11.5.3).
   *
   * @return true if the destination is to be written; false if an unmasked exception leaves it unchanged and is to be delivered
   */
  public boolean complete() {
    int flags = raised;
    raised = 0;
    int unmasked = flags & ~(mxcsr >>> MASK_SHIFT);
    if ((unmasked & PRE_COMPUTATION) != 0) {
      flags &= PRE_COMPUTATION;
    }
    mxcsr |= flags;
    return unmasked == 0;
  }

  /** Whether Java's arithmetic has the right rounding and can raise nothing new while results stay normal. */
  boolean fast() {
    return (mxcsr & FAST_BITS) == (PE | PM);
  }

  /** Whether the exception of this flag is masked. */
  boolean masked(int flag) {
    return (mxcsr >>> MASK_SHIFT & flag) != 0;
  }

  /** Rounding control, 0..3, one of {@code Wide}'s. */
  int rounding() {
    return mxcsr >>> 13 & 3;
  }
}

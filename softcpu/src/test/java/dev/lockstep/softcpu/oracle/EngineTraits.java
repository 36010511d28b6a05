package dev.lockstep.softcpu.oracle;

import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * What an engine's ring 3 leaves to the CPU, each found by one instruction. All of it where hardware virtualises; a KVM without hardware virtualisation runs ring 3 natively in 64-bit code only, and emulates
 * around its edges.
 *
 * @param nativeModes modes of {@link OracleCase} in which code runs on the CPU: an SSE addition, which KVM's emulator does not have, is executed
 * @param anyStackPointer the same with a non-canonical RSP
 * @param generalProtectionReported #GP arrives as such: a misaligned operand of that addition raises it
 * @param selectorsKept MOV from DS gives the selector that was set
 */
public record EngineTraits(
    Set<Integer> nativeModes,
    boolean anyStackPointer,
    boolean generalProtectionReported,
    boolean selectorsKept) {
  private static final int GENERAL_PROTECTION = 13;
  private static final int RAX = 0;
  private static final int RSP = 4;
  private static final int RFLAGS = 0x202;
  private static final int FLAT_DATA_SELECTOR = 0x2b;
  private static final long NON_CANONICAL = 1L << 62;

  /** ADDPS XMM0, XMM0; ADDPS XMM0, [RAX]; MOV EAX, DS. */
  private static final byte[] ADD = {0x0f, 0x58, (byte) 0xc0};

  private static final byte[] ADD_OPERAND = {0x0f, 0x58, 0x00};
  private static final byte[] FROM_DS = {(byte) 0x8c, (byte) 0xd8};

  /** Asks an engine. */
  static EngineTraits of(Function<OracleCase, OracleResult> engine) {
    Set<Integer> modes = new TreeSet<>();
    for (int mode : Variant.MODES) {
      long middle =
          OracleCase.isSegmented(mode) ? OracleCase.WINDOW / 2 : middleOf(OracleCase.STACK);
      if (!engine.apply(with(ADD, mode, middle)).faulted()) {
        modes.add(mode);
      }
    }
    int wide = OracleCase.MODE_64;
    long stack = middleOf(OracleCase.STACK);
    return new EngineTraits(
        Set.copyOf(modes),
        !engine.apply(with(ADD, wide, NON_CANONICAL)).faulted(),
        engine.apply(with(ADD_OPERAND, wide, stack)).vector() == GENERAL_PROTECTION,
        (int) engine.apply(with(FROM_DS, wide, stack)).gpr()[RAX] == FLAT_DATA_SELECTOR);
  }

  private static long middleOf(long window) {
    return window + OracleCase.PAGE;
  }

  private static OracleCase with(byte[] code, int mode, long stackPointer) {
    long[] gpr = new long[16];
    gpr[RAX] = middleOf(OracleCase.DATA) + 1;
    gpr[RSP] = stackPointer;
    byte[] fxsave = new byte[512];
    // FCW and MXCSR after reset: everything masked (Intel SDM vol. 3A table 9-1).
    fxsave[0] = 0x7f;
    fxsave[1] = 3;
    fxsave[24] = (byte) 0x80;
    fxsave[25] = 0x1f;
    byte[] window = new byte[OracleCase.WINDOW];
    return new OracleCase(
        code,
        mode,
        OracleCase.DATA_PLAIN,
        64,
        gpr,
        RFLAGS,
        0,
        OracleCase.NO_OPERAND,
        fxsave,
        window,
        window);
  }
}

package dev.lockstep.softcpu.oracle;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What an instruction did.
 *
 * @param vector the exception it raised, or {@link #NO_EXCEPTION}
 * @param error the error code; 0 for exceptions that have none
 * @param cr2 faulting address of a page fault, else 0
 * @param rip where execution goes on (no exception) or the saved RIP (exception)
 */
public record OracleResult(
    int vector,
    long error,
    long cr2,
    long rip,
    long rflags,
    long[] gpr,
    byte[] fxsave,
    byte[] data,
    byte[] stack) {
  static final int NO_EXCEPTION = -1;

  /** Bytes of the answer in {@code oracle.c}. */
  static final int ANSWER_BYTES = 8 + 4 * 8 + 128 + 512 + 2 * OracleCase.WINDOW;

  private static final int BREAKPOINT = 3;
  static final int PAGE_FAULT = 14;

  private static final int WITH_ERROR_CODE =
      1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17;

  /** Reads the stub's answer to a case. */
  static OracleResult fromStub(ByteBuffer in, OracleCase asked) {
    in.order(ByteOrder.LITTLE_ENDIAN);
    in.getInt(); // the signal: the vector says more
    int vector = in.getInt();
    long error = in.getLong();
    long cr2 = in.getLong();
    long rip = in.getLong();
    long rflags = in.getLong();
    long[] gpr = new long[16];
    for (int i = 0; i < gpr.length; i++) {
      gpr[i] = in.getLong();
    }
    byte[] fxsave = new byte[512];
    byte[] data = new byte[OracleCase.WINDOW];
    byte[] stack = new byte[OracleCase.WINDOW];
    in.get(fxsave).get(data).get(stack);
    long errorCode = hasErrorCode(vector) ? error : 0;
    long address = vector == PAGE_FAULT ? cr2 : 0;
    return new OracleResult(vector, errorCode, address, rip, rflags, gpr, fxsave, data, stack)
        .ofStopped(asked);
  }

  /** The same of a CPU that ran on to the INT3 behind the instruction: one that was not the instruction itself means no exception. */
  OracleResult ofStopped(OracleCase asked) {
    return vector == BREAKPOINT && !isInt3(asked.code())
        ? new OracleResult(NO_EXCEPTION, 0, 0, rip - 1, rflags, gpr, fxsave, data, stack)
        : this;
  }

  /** Whether an exception pushes an error code (Intel SDM vol. 3A table 6-1). */
  static boolean hasErrorCode(int vector) {
    return vector >= 0 && (WITH_ERROR_CODE & 1 << vector) != 0;
  }

  /** Whether it raised an exception. */
  boolean faulted() {
    return vector != NO_EXCEPTION;
  }

  /** The same with other general registers. */
  OracleResult withGpr(long[] other) {
    return new OracleResult(vector, error, cr2, rip, rflags, other, fxsave, data, stack);
  }

  /** The same with another's exception. */
  OracleResult withFaultOf(OracleResult other) {
    return new OracleResult(
        other.vector, other.error, other.cr2, rip, rflags, gpr, fxsave, data, stack);
  }

  /** Whether the instruction is INT3, with prefixes or without. */
  static boolean isInt3(byte[] code) {
    int last = code.length - 1;
    for (int i = 0; i < last; i++) {
      int value = code[i] & 0xff;
      if ((value & 0xe7) != 0x26
          && value != 0x66
          && value != 0x40
          && value != 0x48
          && value != 0xf2
          && value != 0xf3) {
        return false;
      }
    }
    return (code[last] & 0xff) == 0xcc;
  }
}

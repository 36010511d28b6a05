package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.SegmentRegister;
import java.util.Arrays;

/**
 * RDTSC in ring 3, on an engine that cannot trap it. CR4.TSD is held set, so that it raises #GP; the machine stops the guest at the begin of its #GP handler ({@link #handler}) and calls
 * {@link #emulate}, which takes the exception back where RDTSC was its cause. Every other #GP is the guest's own.
 *
 * <p>The frame that the exception pushed stays below the kernel's stack pointer, as it does on every replica that reads the counter by the same way.
 *
 * <p>64-bit kernels only: the frame is that of long mode (Intel SDM vol. 3A 6.14).
 */
public final class UserCounter {
  /** CR4.TSD (Intel SDM vol. 3A 2.5). */
  public static final long TIME_STAMP_DISABLE = 1 << 2;

  private static final int RAX = 0;
  private static final int RDX = 2;
  private static final int RSP = 4;
  private static final int GENERAL_PROTECTION = 13;
  private static final int INVALID_OPCODE = 6;
  private static final int GATE_BYTES = 16;
  private static final long TRAP_FLAG = 1 << 8;
  private static final long RESUME_FLAG = 1 << 16;
  private static final long DR6_BS = 1 << 14;
  private static final int SEGMENT_PRESENT = 1 << 7;
  private static final int ACCESSED = 1;
  private static final long GRANULAR = 1L << 55;

  private UserCounter() {}

  /** What the #GP at which the guest was stopped turned out to be. */
  public enum Outcome {
    /** RDTSC in ring 3: the state is that behind it. */
    READ,
    /** RDTSCP in ring 3, or RDTSC, which the CPU model does not have: the state is at it, with #UD waiting. */
    REFUSED,
    /** The guest's own affair: the state is untouched, its handler must run. */
    NOT_OURS
  }

  /** Sets CR4.TSD; true if it was not set. To be called whenever the guest may have written CR4. */
  public static boolean hold(CpuState state) {
    boolean missing = (state.cr4 & TIME_STAMP_DISABLE) == 0;
    state.cr4 |= TIME_STAMP_DISABLE;
    return missing;
  }

  /** Linear address of the first instruction of the guest's #GP handler, where the guest is to be stopped; 0 if there is none yet. */
  public static long handler(CpuState state, GuestMemory memory) {
    int gate = GENERAL_PROTECTION * GATE_BYTES;
    if (state.idtLimit < gate + GATE_BYTES - 1) {
      return 0;
    }
    LinearView view = new LinearView(state, memory);
    long low = view.quad(state.idtBase + gate);
    long high = view.quad(state.idtBase + gate + Long.BYTES);
    boolean present = (low >>> 47 & 1) != 0;
    return present ? low & 0xffff | low >>> 32 & 0xffff_0000L | high << 32 : 0;
  }

  /**
   * @param state of a guest that stands at the begin of its handler, with the stack as the exception left it
   * @param hasCounter whether the CPU model has RDTSC
   * @param timeStamp what the guest reads
   */
  public static Outcome emulate(
      CpuState state, GuestMemory memory, boolean hasCounter, long timeStamp) {
    LinearView view = new LinearView(state, memory);
    long frame = state.gpr[RSP];
    long errorCode = view.quad(frame);
    long rip = view.quad(frame + 8);
    int codeSelector = (int) view.quad(frame + 16) & 0xffff;
    if (errorCode != 0 || (codeSelector & 3) != 3) {
      return Outcome.NOT_OURS;
    }
    SegmentRegister code = new SegmentRegister();
    SegmentRegister stack = new SegmentRegister();
    int stackSelector = (int) view.quad(frame + 40) & 0xffff;
    if (!load(state, view, codeSelector, code) || !load(state, view, stackSelector, stack)) {
      return Outcome.NOT_OURS;
    }
    byte[] bytes = view.bytes(code.base + rip, InstructionLength.MAX);
    int length = length(bytes, code.isLong(), 0x31);
    boolean refused = length == 0 || !hasCounter;
    if (length == 0) {
      length = length(bytes, code.isLong(), 0x01, 0xf9);
    }
    if (length == 0) {
      return Outcome.NOT_OURS;
    }
    long flags = view.quad(frame + 24);
    state.rflags = flags & ~RESUME_FLAG;
    state.gpr[RSP] = view.quad(frame + 32);
    state.segments[CpuState.CS].set(code);
    state.segments[CpuState.SS].set(stack);
    state.interruptShadow = 0;
    if (refused) {
      state.rip = rip;
      state.pendingException = INVALID_OPCODE;
      state.pendingErrorCode = 0;
      return Outcome.REFUSED;
    }
    state.rip = code.isLong() ? rip + length : rip + length & 0xffff_ffffL;
    state.gpr[RAX] = timeStamp & 0xffff_ffffL;
    state.gpr[RDX] = timeStamp >>> 32;
    if ((flags & TRAP_FLAG) != 0) {
      state.pendingDebug |= DR6_BS;
    }
    return Outcome.READ;
  }

  /** Bytes of the instruction 0F and these, with its prefixes; 0 if it is another. */
  private static int length(byte[] bytes, boolean longMode, int... opcode) {
    int at = 0;
    while (at < bytes.length && isPrefix(bytes[at] & 0xff, longMode)) {
      at++;
    }
    int end = at + 1 + opcode.length;
    if (end > bytes.length || bytes[at] != 0x0f) {
      return 0;
    }
    byte[] wanted = new byte[opcode.length];
    for (int i = 0; i < opcode.length; i++) {
      wanted[i] = (byte) opcode[i];
    }
    return Arrays.equals(bytes, at + 1, end, wanted, 0, wanted.length) ? end : 0;
  }

  /** LOCK makes #UD of it; 40..4F are instructions outside 64-bit code. */
  private static boolean isPrefix(int octet, boolean longMode) {
    return octet != 0xf0
        && InstructionLength.isPrefix(octet)
        && (longMode || (octet & 0xf0) != 0x40);
  }

  /** Loads a segment as IRET did or would; false if it is not in the GDT or not there. */
  private static boolean load(
      CpuState state, LinearView view, int selector, SegmentRegister segment) {
    int at = selector & ~7;
    if ((selector & 4) != 0 || at == 0 || at + 7 > state.gdtLimit) {
      return false;
    }
    long raw = view.quad(state.gdtBase + at);
    int access = (int) (raw >>> 40) & 0xf0ff | ACCESSED;
    if ((access & SEGMENT_PRESENT) == 0) {
      return false;
    }
    long base = raw >>> 16 & 0xff_ffff | raw >>> 32 & 0xff00_0000L;
    long limit = raw & 0xffff | raw >>> 32 & 0xf_0000;
    segment.set(selector, base, (raw & GRANULAR) != 0 ? limit << 12 | 0xfff : limit, access);
    return true;
  }
}

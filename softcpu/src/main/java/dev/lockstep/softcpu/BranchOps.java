package dev.lockstep.softcpu;

import dev.lockstep.engine.CpuState;
import org.jspecify.annotations.Nullable;

/**
 * Near jumps, calls and returns. A target outside CS's limit, or not canonical in 64-bit mode, is #GP(0) on the branch itself (Intel SDM vol. 2A, JMP). In 64-bit mode the operand size is 64 bits
 * whatever prefix 66 says, as on Intel's processors.
 */
final class BranchOps {
  private BranchOps() {}

  /** The target of a relative branch. */
  static long target(Insn insn) {
    long target = insn.nextRip + insn.immediate;
    if (insn.is64()) {
      return target;
    }
    return target & (insn.operandSize == 2 ? 0xffff : 0xffff_ffffL);
  }

  /** Checks a branch's target and gives it back. */
  static long checked(Cpu c, boolean is64, long target) {
    boolean good = is64 ? Stack.canonical(target) : target <= c.segments[CpuState.CS].limit;
    if (!good) {
      throw c.fault.raise(GuestFault.GP, 0);
    }
    return target;
  }

  /** Jcc: 70..7F, 0F 80..8F. */
  static Terminator conditional(Insn insn, int cc) {
    if (!insn.is64()) {
      return new LegacyConditional(insn, cc);
    }
    long taken = target(insn);
    boolean negated = (cc & 1) != 0;
    long ifTrue = negated ? insn.nextRip : taken;
    long ifFalse = negated ? taken : insn.nextRip;
    return switch (cc >> 1) {
      case 1 -> new IfCarry(ifTrue, ifFalse);
      case 2 -> new IfZero(ifTrue, ifFalse);
      case 3 -> new IfBelowOrEqual(ifTrue, ifFalse);
      case 4 -> new IfSign(ifTrue, ifFalse);
      case 6 -> new IfLess(ifTrue, ifFalse);
      case 7 -> new IfLessOrEqual(ifTrue, ifFalse);
      default -> new IfOther(ifTrue, ifFalse, cc & ~1);
    };
  }

  /** Two ways, both known. */
  abstract static class TwoWay extends Terminator {
    final long trueRip;
    final long falseRip;
    @Nullable Block ifTrue;
    @Nullable Block ifFalse;

    TwoWay(long trueRip, long falseRip) {
      this.trueRip = trueRip;
      this.falseRip = falseRip;
    }

    /** Takes the way that a condition says; counts the branch. */
    final @Nullable Block choose(Cpu c, boolean condition) {
      c.branchCount++;
      if (condition) {
        c.rip = trueRip;
        return ifTrue;
      }
      c.rip = falseRip;
      return ifFalse;
    }

    @Override
    final void link(Block next) {
      if (next.rip == trueRip) {
        ifTrue = next;
      } else if (next.rip == falseRip) {
        ifFalse = next;
      }
    }

    @Override
    long @Nullable [] nearTargets() {
      return new long[] {trueRip, falseRip};
    }
  }

  static final class IfCarry extends TwoWay {
    IfCarry(long ifTrue, long ifFalse) {
      super(ifTrue, ifFalse);
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, Flags.cf(c));
    }
  }

  static final class IfZero extends TwoWay {
    IfZero(long ifTrue, long ifFalse) {
      super(ifTrue, ifFalse);
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, c.flagResult == 0);
    }
  }

  static final class IfBelowOrEqual extends TwoWay {
    IfBelowOrEqual(long ifTrue, long ifFalse) {
      super(ifTrue, ifFalse);
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, Flags.cf(c) || c.flagResult == 0);
    }
  }

  static final class IfSign extends TwoWay {
    IfSign(long ifTrue, long ifFalse) {
      super(ifTrue, ifFalse);
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, Flags.sf(c));
    }
  }

  static final class IfLess extends TwoWay {
    IfLess(long ifTrue, long ifFalse) {
      super(ifTrue, ifFalse);
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, Flags.sf(c) != Flags.of(c));
    }
  }

  static final class IfLessOrEqual extends TwoWay {
    IfLessOrEqual(long ifTrue, long ifFalse) {
      super(ifTrue, ifFalse);
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, c.flagResult == 0 || Flags.sf(c) != Flags.of(c));
    }
  }

  /** JO and JP. */
  static final class IfOther extends TwoWay {
    private final int cc;

    IfOther(long ifTrue, long ifFalse, int cc) {
      super(ifTrue, ifFalse);
      this.cc = cc;
    }

    @Override
    @Nullable Block go(Cpu c) {
      return choose(c, Flags.condition(c, cc));
    }
  }

  /** Jcc outside 64-bit mode. */
  static final class LegacyConditional extends TwoWay {
    private final int cc;

    LegacyConditional(Insn insn, int cc) {
      super(target(insn), insn.nextRip);
      this.cc = cc;
    }

    @Override
    @Nullable Block go(Cpu c) {
      boolean taken = Flags.condition(c, cc);
      if (taken) {
        checked(c, false, trueRip);
      }
      return choose(c, taken);
    }
  }

  /** LOOP, LOOPE, LOOPNE, JCXZ, JECXZ, JRCXZ: E0..E3. The counter is as wide as an address. */
  static final class CountBranch extends TwoWay {
    private final boolean is64;
    private final int opcode;
    private final int size;

    @Override
    long @Nullable [] nearTargets() {
      return null;
    }

    CountBranch(Insn insn) {
      super(target(insn), insn.nextRip);
      this.is64 = insn.is64();
      this.opcode = insn.opcode;
      this.size = insn.addressSize;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long count = Operand.get(c, size, 1);
      if (opcode == 0xe3) {
        if (count == 0) {
          checked(c, is64, trueRip);
        }
        return choose(c, count == 0);
      }
      count = count - 1 & (size == 8 ? -1L : (1L << 8 * size) - 1);
      boolean taken =
          count != 0
              && switch (opcode) {
                case 0xe0 -> !Flags.zf(c);
                case 0xe1 -> Flags.zf(c);
                default -> true;
              };
      if (taken) {
        checked(c, is64, trueRip);
      }
      Operand.set(c, size, 1, count);
      return choose(c, taken);
    }
  }

  /** JMP rel: E9, EB. */
  static final class Jump extends Terminator {
    private final boolean is64;
    private final long target;
    private @Nullable Block next;

    Jump(Insn insn) {
      this.is64 = insn.is64();
      this.target = target(insn);
    }

    @Override
    @Nullable Block go(Cpu c) {
      c.rip = checked(c, is64, target);
      c.branchCount += c.transferIncrement;
      return next;
    }

    @Override
    void link(Block block) {
      next = block;
    }

    @Override
    long @Nullable [] nearTargets() {
      return Stack.canonical(target) ? new long[] {target} : null;
    }
  }

  /** CALL rel in 64-bit mode: E8. */
  static final class Call64 extends Terminator {
    private final long target;
    private final long nextRip;
    private @Nullable Block next;

    Call64(Insn insn) {
      this.target = target(insn);
      this.nextRip = insn.nextRip;
    }

    @Override
    @Nullable Block go(Cpu c) {
      checked(c, true, target);
      long[] r = c.r;
      long sp = r[4] - 8;
      c.mmu.store64(sp, nextRip);
      r[4] = sp;
      c.rip = target;
      c.branchCount += c.transferIncrement;
      return next;
    }

    @Override
    void link(Block block) {
      next = block;
    }

    @Override
    long @Nullable [] nearTargets() {
      return Stack.canonical(target) ? new long[] {target} : null;
    }

    @Override
    long returnsTo() {
      return nextRip;
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return true;
    }
  }

  /** CALL rel outside 64-bit mode. */
  static final class LegacyCall extends Terminator {
    private final int size;
    private final long target;
    private final long nextRip;
    private @Nullable Block next;

    LegacyCall(Insn insn) {
      this.size = insn.operandSize;
      this.target = target(insn);
      this.nextRip = insn.nextRip;
    }

    @Override
    @Nullable Block go(Cpu c) {
      checked(c, false, target);
      Stack.push(c, false, size, nextRip);
      c.rip = target;
      c.branchCount += c.transferIncrement;
      return next;
    }

    @Override
    void link(Block block) {
      next = block;
    }
  }

  /** JMP r/m: FF /4. */
  static final class JumpIndirect extends Terminator {
    private final boolean is64;
    private final Place place;

    JumpIndirect(Insn insn) {
      this.is64 = insn.is64();
      this.place = Place.of(insn, insn.operandSize);
    }

    @Override
    @Nullable Block go(Cpu c) {
      c.rip = checked(c, is64, place.read(c));
      c.branchCount += c.transferIncrement;
      return null;
    }

    @Override
    long[] nearTargets() {
      return new long[0];
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return place.usesStackSegment();
    }
  }

  /** CALL r/m: FF /2. */
  static final class CallIndirect extends Terminator {
    private final boolean is64;
    private final Place place;
    private final long nextRip;

    CallIndirect(Insn insn) {
      this.is64 = insn.is64();
      this.place = Place.of(insn, insn.operandSize);
      this.nextRip = insn.nextRip;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long target = checked(c, is64, place.read(c));
      Stack.push(c, is64, place.size, nextRip);
      c.rip = target;
      c.branchCount += c.transferIncrement;
      return null;
    }

    @Override
    long[] nearTargets() {
      return new long[0];
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return place.usesStackSegment() || Stack.nonCanonical(c);
    }
  }

  /** RET in 64-bit mode: C2, C3. */
  static final class Ret64 extends Terminator {
    private final int bytes;

    Ret64(int bytes) {
      this.bytes = bytes;
    }

    @Override
    @Nullable Block go(Cpu c) {
      long[] r = c.r;
      long sp = r[4];
      c.rip = checked(c, true, c.mmu.load64(sp));
      r[4] = sp + 8 + bytes;
      c.branchCount += c.transferIncrement;
      return null;
    }

    @Override
    long[] nearTargets() {
      return new long[0];
    }

    @Override
    boolean usesStackSegment(Cpu c) {
      return true;
    }
  }

  /** RET outside 64-bit mode. */
  static final class LegacyRet extends Terminator {
    private final int size;
    private final int bytes;

    LegacyRet(int size, int bytes) {
      this.size = size;
      this.bytes = bytes;
    }

    @Override
    @Nullable Block go(Cpu c) {
      c.rip = checked(c, false, Stack.peek(c, false, size));
      Stack.release(c, false, size + bytes);
      c.branchCount += c.transferIncrement;
      return null;
    }
  }
}

package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/**
 * A comparison and the conditional branch after it as one terminator of 64-bit code: one dispatch instead of two, and where the condition is an order of the operands it is asked of them directly. The
 * flags are set all the same. Stepping decodes instructions one by one and never sees these.
 */
final class FusedOps {
  private FusedOps() {}

  /** Sets all flags before anything can see those from before: works on registers only. */
  interface SetsFlagsFirst {}

  /** The fusion of the last operation of a block's body with its terminator, or null where there is none. */
  static @Nullable Terminator fuse(Op first, BranchOps.TwoWay branch) {
    if (branch instanceof BranchOps.IfZero) {
      return zero(first, branch);
    }
    if (branch instanceof BranchOps.IfCarry) {
      return below(first, branch);
    }
    if (branch instanceof BranchOps.IfBelowOrEqual) {
      return belowOrEqual(first, branch);
    }
    if (branch instanceof BranchOps.IfLess) {
      return less(first, branch);
    }
    if (branch instanceof BranchOps.IfLessOrEqual) {
      return lessOrEqual(first, branch);
    }
    return null;
  }

  private static @Nullable Terminator zero(Op first, BranchOps.TwoWay branch) {
    return switch (first) {
      case AluOps32.CmpRR op -> new FusedOps32.Cmp32RRZero(branch, op.d, op.s);
      case AluOps32.CmpRI op -> new FusedOps32.Cmp32RIZero(branch, op.d, (int) op.imm);
      case AluOps32.CmpRM op -> new FusedOps32.Cmp32RMZero(branch, op.ea, op.d);
      case AluOps32.CmpMR op -> new FusedOps32.Cmp32MRZero(branch, op.ea, op.d);
      case AluOps32.CmpMI op -> new FusedOps32.Cmp32MIZero(branch, op.ea, (int) op.imm);
      case AluOps32.TestRR op -> new FusedOps32.Test32Zero(branch, op.d, op.s);
      case AluOps32.AddRI op -> new FusedOps32.Add32RIZero(branch, op.d, (int) op.imm);
      case AluOps32.SubRI op -> new FusedOps32.Sub32RIZero(branch, op.d, (int) op.imm);
      case AluOps64.CmpRR op -> new FusedOps64.Cmp64RRZero(branch, op.d, op.s);
      case AluOps64.CmpRI op -> new FusedOps64.Cmp64RIZero(branch, op.d, op.imm);
      case AluOps64.CmpRM op -> new FusedOps64.Cmp64RMZero(branch, op.ea, op.d);
      case AluOps64.CmpMR op -> new FusedOps64.Cmp64MRZero(branch, op.ea, op.d);
      case AluOps64.CmpMI op -> new FusedOps64.Cmp64MIZero(branch, op.ea, op.imm);
      case AluOps64.TestRR op -> new FusedOps64.Test64Zero(branch, op.d, op.s);
      case AluOps64.AddRI op -> new FusedOps64.Add64RIZero(branch, op.d, op.imm);
      case AluOps64.SubRI op -> new FusedOps64.Sub64RIZero(branch, op.d, op.imm);
      case AluOps.Test8RR op -> new FusedOps32.Test8Zero(branch, op.a, op.b);
      case AluOps.Cmp8MI op -> new FusedOps32.Cmp8MIZero(branch, op.ea, op.imm);
      case AluOps.Cmp8RI op -> new FusedOps32.Cmp8RIZero(branch, op.a, op.imm);
      default -> null;
    };
  }

  private static @Nullable Terminator below(Op first, BranchOps.TwoWay branch) {
    return switch (first) {
      case AluOps32.CmpRR op -> new FusedOps32.Cmp32RRBelow(branch, op.d, op.s);
      case AluOps32.CmpRI op -> new FusedOps32.Cmp32RIBelow(branch, op.d, (int) op.imm);
      case AluOps64.CmpRR op -> new FusedOps64.Cmp64RRBelow(branch, op.d, op.s);
      case AluOps64.CmpRI op -> new FusedOps64.Cmp64RIBelow(branch, op.d, op.imm);
      default -> null;
    };
  }

  private static @Nullable Terminator belowOrEqual(Op first, BranchOps.TwoWay branch) {
    return switch (first) {
      case AluOps32.CmpRR op -> new FusedOps32.Cmp32RRBelowOrEqual(branch, op.d, op.s);
      case AluOps32.CmpRI op -> new FusedOps32.Cmp32RIBelowOrEqual(branch, op.d, (int) op.imm);
      case AluOps64.CmpRR op -> new FusedOps64.Cmp64RRBelowOrEqual(branch, op.d, op.s);
      case AluOps64.CmpRI op -> new FusedOps64.Cmp64RIBelowOrEqual(branch, op.d, op.imm);
      default -> null;
    };
  }

  private static @Nullable Terminator less(Op first, BranchOps.TwoWay branch) {
    return switch (first) {
      case AluOps32.CmpRR op -> new FusedOps32.Cmp32RRLess(branch, op.d, op.s);
      case AluOps32.CmpRI op -> new FusedOps32.Cmp32RILess(branch, op.d, (int) op.imm);
      case AluOps64.CmpRR op -> new FusedOps64.Cmp64RRLess(branch, op.d, op.s);
      case AluOps64.CmpRI op -> new FusedOps64.Cmp64RILess(branch, op.d, op.imm);
      default -> null;
    };
  }

  private static @Nullable Terminator lessOrEqual(Op first, BranchOps.TwoWay branch) {
    return switch (first) {
      case AluOps32.CmpRR op -> new FusedOps32.Cmp32RRLessOrEqual(branch, op.d, op.s);
      case AluOps32.CmpRI op -> new FusedOps32.Cmp32RILessOrEqual(branch, op.d, (int) op.imm);
      case AluOps64.CmpRR op -> new FusedOps64.Cmp64RRLessOrEqual(branch, op.d, op.s);
      case AluOps64.CmpRI op -> new FusedOps64.Cmp64RILessOrEqual(branch, op.d, op.imm);
      default -> null;
    };
  }
}

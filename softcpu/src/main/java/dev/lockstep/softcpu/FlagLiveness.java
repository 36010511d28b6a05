package dev.lockstep.softcpu;

import java.util.List;

/**
 * Finds the operations of a block whose flags nobody can see, and replaces them by their quiet twins. Flags are seen by operations that read them, at the end of the block, and by exceptions: so only
 * stretches of register operations that cannot raise are looked at.
 */
final class FlagLiveness {
  /** May read flags, raise, or leave the block. */
  private static final int BARRIER = 0;

  /** Touches no flags. */
  private static final int NEUTRAL = 1;

  /** Sets some flags and keeps the others. */
  private static final int PARTIAL = 2;

  /** Sets all six arithmetic flags, whatever they were. */
  private static final int SETTER = 3;

  private FlagLiveness() {}

  /** Replaces what can be replaced in the body of a block that ends with {@code end}. */
  static void quieten(List<Op> body, Terminator end) {
    boolean dead = end instanceof FusedOps.SetsFlagsFirst;
    for (int i = body.size() - 1; i >= 0; i--) {
      Op op = body.get(i);
      int kind = kind(op);
      if (dead && kind >= PARTIAL) {
        body.set(i, QuietOps.of(op));
      } else if (kind != NEUTRAL) {
        dead = kind == SETTER;
      }
    }
  }

  private static int kind(Op op) {
    return switch (op) {
      case MoveOps.Move64 x -> NEUTRAL;
      case MoveOps.Move32 x -> NEUTRAL;
      case MoveOps.Constant x -> NEUTRAL;
      case MoveOps.Lea64 x -> NEUTRAL;
      case MoveOps.Lea32 x -> NEUTRAL;
      case ExtendOps.Zero8 x -> NEUTRAL;
      case ExtendOps.Zero16 x -> NEUTRAL;
      case ExtendOps.Sign8 x -> NEUTRAL;
      case ExtendOps.Sign16 x -> NEUTRAL;
      case ExtendOps.Sign32 x -> NEUTRAL;
      case ConditionOps.ByteSwap x -> NEUTRAL;
      case MulDivOps.Imul64RR x -> PARTIAL;
      case MulDivOps.Imul32RR x -> PARTIAL;
      case UnaryOps.Inc32 x -> PARTIAL;
      case UnaryOps.Inc64 x -> PARTIAL;
      case UnaryOps.Dec32 x -> PARTIAL;
      case UnaryOps.Dec64 x -> PARTIAL;
      case AluOps32.CmpRR x -> SETTER;
      case AluOps32.CmpRI x -> SETTER;
      case AluOps32.TestRR x -> SETTER;
      case AluOps32.TestRI x -> SETTER;
      case AluOps64.CmpRR x -> SETTER;
      case AluOps64.CmpRI x -> SETTER;
      case AluOps64.TestRR x -> SETTER;
      case AluOps64.TestRI x -> SETTER;
      case AluOps.Test8RR x -> SETTER;
      case AluOps.Cmp8RI x -> SETTER;
      default -> QuietOps.of(op) == op ? BARRIER : SETTER;
    };
  }
}

package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** One instruction of a region on its way to bytecode. */
final class RegionInsn {
  /** What it does to the arithmetic flags. */
  enum FlagEffect {
    /** Nothing. */
    NONE,
    /** Reads them. */
    READS,
    /** Sets all six, whatever they were. */
    SETS,
    /** Sets some and keeps the others. */
    CHANGES,
    /** May do anything: called, not translated. */
    ANY
  }

  final Insn insn;
  final Op op;
  final RegisterUse use;
  final RegionForm form;

  /** Its number in the region. */
  final int at;

  /** Instructions of its block before it. */
  final int done;

  final FlagEffect effect;

  /** It may raise: whatever it sees of the state must be exact before it. */
  final boolean mayRaise;

  /** The flags that it sets are seen by somebody. Found by {@link RegionFlags}. */
  boolean flagsSeen = true;

  /** The instruction whose result its condition can be taken of, in the same block. Found by {@link RegionFlags}. */
  @Nullable RegionInsn provider;

  /** Somebody takes a condition of its operands, or its flags are made outside the hot path: they must be kept. */
  boolean operandsKept;

  /** Locals of the two operands and the result, where they are kept. */
  int a = -1, b = -1, result = -1;

  RegionInsn(Insn insn, Op op, RegisterUse use, int at, int done) {
    this.insn = insn;
    this.op = op;
    this.use = use;
    this.at = at;
    this.done = done;
    this.form = RegionForm.of(insn, op);
    this.effect = form.effect(insn);
    this.mayRaise = form.mayRaise(insn);
  }
}

package dev.lockstep.softcpu;

/**
 * One decoded instruction, or two that were fused: what the interpreter executes. Immutable but for caches that no guest can see.
 *
 * <p>Rules for every operation:
 *
 * <ul>
 *   <li>All memory accesses and all checks come before any change of a register or flag, so that a fault, a restart or an exit leaves nothing half done. An operation that reads and writes one operand
 *       checks it for writing first: after {@code Mmu.loadForWrite…} the store to the same address in the same operation can no longer raise, restart included.
 *   <li>{@code c.rip} is <em>not</em> exact while an operation of placement {@link #MIDDLE} runs: the loop knows where it stands and sets it when the operation throws. An operation that needs its own
 *       address takes it from its {@link Insn} when it is made.
 *   <li>An operation of placement {@link #ENDS} or {@link #ALONE} leaves {@code c.rip} at the next instruction to execute, fall-through included, when it returns normally.
 *   <li>A control transfer adds {@code c.transferIncrement} to {@code c.branchCount}, a conditional one always 1, when it completes, and not when it faults.
 *   <li>A change that the loop must look at before the next instruction (IF, TF, a shadow, debug registers, an exit) sets {@code c.attention}, in an operation that ends its block.
 * </ul>
 */
abstract class Op {
  /** Straight-line: control goes to the next instruction. */
  static final int MIDDLE = 0;

  /** The last of its block. */
  static final int ENDS = 1;

  /** In a block of its own, run with {@code c.single} set: it may exit (port and MSR access), or it changes what later decoding depends on. */
  static final int ALONE = 2;

  /** Executes it. Throws {@link GuestFault} for a guest exception, {@link ExitSignal} to leave or to start over. */
  abstract void exec(Cpu c);

  /** Where it may stand in a block. */
  int placement() {
    return MIDDLE;
  }

  /** Whether the non-canonical address that it has just used is a stack-segment fault (#SS) instead of #GP (Intel SDM vol. 1 3.3.7.1). */
  boolean usesStackSegment(Cpu c) {
    return false;
  }
}

package dev.lockstep.softcpu;

/** Where an observed vCPU stands: before and after what it reports at the moment. For its {@link ExecutionObserver}, inside its calls. */
public interface ObservedState {
  /** Instructions before it, since observation began; each iteration of a repeated string instruction is one. */
  long instructionsBefore();

  /** Instructions after it. */
  long instructions();

  /** The branch count before it. */
  long branchCountBefore();

  /** The branch count after it. */
  long branchCount();

  /** CPL before it. */
  int ringBefore();

  /** CPL after it. */
  int ring();

  /** CR3 before it. */
  long cr3Before();

  /** Offset in CS of the instruction after it. */
  long rip();

  /**
   * A general register after it.
   *
   * @param index 0..15, in encoding order
   */
  long register(int index);
}

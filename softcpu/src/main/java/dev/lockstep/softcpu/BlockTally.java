package dev.lockstep.softcpu;

/** What was executed of the code that begins at one place: see {@link ExecutionTally}. A block that was dropped and decoded again goes on with the tally of the one before it. */
final class BlockTally {
  /** Where code begins: its offset in CS, where that lies in the mapping, and the {@link CodeMode}. */
  record Place(long rip, long offset, int mode) {}

  final Place place;

  /** Instructions of the block, as decoded last. */
  int instructions;

  /** How often a block that begins here was decoded and then executed. */
  long decoded;

  /** Whole executions. */
  long runs;

  /** Instructions executed, those of executions that a fault or an exit ended and all iterations of repeated ones included. */
  long executed;

  BlockTally(Place place) {
    this.place = place;
  }
}

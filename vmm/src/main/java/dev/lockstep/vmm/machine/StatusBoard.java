package dev.lockstep.vmm.machine;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What a machine has last said of itself: told at every boundary without an object for it, and put together by whoever asks. One
 * thread at a time tells, any may ask; each number is right by itself.
 */
final class StatusBoard {
  private static final int EPOCH = 0;
  private static final int BRANCHES = 1;
  private static final int INSTRUCTIONS = 2;
  private static final int VIRTUAL_NANOS = 3;
  private static final int BEHIND_NANOS = 4;
  private static final int ENTRIES = 5;
  private static final int OUTPUT_BYTES = 6;
  private static final int HALTED = 7;
  private static final int EXITS = 8;

  private final AtomicLongArray numbers = new AtomicLongArray(EXITS + ExitCounts.KINDS);
  private volatile MachineState state = MachineState.CREATED;
  private volatile MachineMode mode = MachineMode.LIVE;

  /** A boundary: who sees the state sees the numbers that came with it, or later ones. */
  void tell(
      MachineState newState, MachineCore core, MachineMode newMode, long epoch, long behindNanos) {
    numbers.lazySet(EPOCH, epoch);
    numbers.lazySet(BRANCHES, core.vcpu().branchCount());
    numbers.lazySet(INSTRUCTIONS, core.vcpu().instructionsExecuted());
    numbers.lazySet(VIRTUAL_NANOS, core.virtualNanos());
    numbers.lazySet(BEHIND_NANOS, behindNanos);
    numbers.lazySet(ENTRIES, core.nextSequence());
    numbers.lazySet(OUTPUT_BYTES, core.outputs().total());
    numbers.lazySet(HALTED, core.runner().halted() ? 1 : 0);
    core.runner().exits().tell(numbers, EXITS);
    // They seldom change, and a volatile write costs far more than a read.
    if (mode != newMode) {
      mode = newMode;
    }
    if (state != newState) {
      state = newState;
    }
  }

  /**
   * What was told last.
   *
   * @param beganUnixMillis as {@link MachineStatus#beganUnixMillis}
   */
  MachineStatus read(long beganUnixMillis) {
    // The state first: a machine that has ended shows its last numbers.
    MachineState now = state;
    return new MachineStatus(
        now,
        mode,
        numbers.get(EPOCH),
        numbers.get(BRANCHES),
        numbers.get(INSTRUCTIONS),
        numbers.get(VIRTUAL_NANOS),
        numbers.get(BEHIND_NANOS),
        numbers.get(ENTRIES),
        numbers.get(OUTPUT_BYTES),
        numbers.get(HALTED) != 0,
        ExitCounts.told(numbers, EXITS),
        beganUnixMillis);
  }
}

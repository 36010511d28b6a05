package dev.lockstep.vmm.trace;

import java.util.Arrays;

/** Guesses which code is executed next: what followed the last three pieces of code when they were last executed in this order, else what followed the last one. Writer and reader keep the same. */
final class FlowModel {
  private static final int TABLE_BITS = 17;
  private static final int NONE = -1;

  private final int[] afterThree = new int[1 << TABLE_BITS];
  private int[] afterOne = new int[1 << 12];
  private int last;
  private int second;
  private int third;

  FlowModel() {
    reset();
  }

  /** Forgets everything. */
  void reset() {
    Arrays.fill(afterThree, NONE);
    Arrays.fill(afterOne, NONE);
    last = 0;
    second = 0;
    third = 0;
  }

  /** The best guess, or -1. */
  int guess() {
    int guess = afterThree[slot()];
    return guess != NONE ? guess : afterOne[last];
  }

  /** Another one, or -1. */
  int other() {
    return afterOne[last];
  }

  /** That is what was executed. */
  void executed(int id) {
    afterThree[slot()] = id;
    afterOne[last] = id;
    if (id >= afterOne.length) {
      int old = afterOne.length;
      afterOne = Arrays.copyOf(afterOne, Math.max(2 * old, id + 1));
      Arrays.fill(afterOne, old, afterOne.length, NONE);
    }
    third = second;
    second = last;
    last = id;
  }

  private int slot() {
    int hash = last * 0x9e3779b1 + second * 0x85ebca77 + third * 0xc2b2ae3d;
    return (hash ^ hash >>> 15) * 0x27d4eb2f >>> 32 - TABLE_BITS;
  }
}

package dev.lockstep.softcpu;

import java.util.Arrays;

/**
 * The loads and stores of what was executed, in order. An operand wider than 8 bytes is several; one that crosses a page is one for each page. Loads of the page walk and fetches are not among them. Good
 * until the observer returns.
 */
public final class ObservedAccesses {
  private static final int WRITE = 1;
  private static final int SYSTEM = 2;
  private static final int SIZE_SHIFT = 2;

  private int count;
  private int[] steps = new int[64];
  private int[] kinds = new int[64];
  private long[] linear = new long[64];
  private long[] physical = new long[64];
  private long[] values = new long[64];

  ObservedAccesses() {}

  void clear() {
    count = 0;
  }

  void add(int step, long at, long where, int size, long value, boolean write, boolean system) {
    if (count == steps.length) {
      steps = Arrays.copyOf(steps, 2 * count);
      kinds = Arrays.copyOf(kinds, 2 * count);
      linear = Arrays.copyOf(linear, 2 * count);
      physical = Arrays.copyOf(physical, 2 * count);
      values = Arrays.copyOf(values, 2 * count);
    }
    steps[count] = step;
    kinds[count] = (write ? WRITE : 0) | (system ? SYSTEM : 0) | size << SIZE_SHIFT;
    linear[count] = at;
    physical[count] = where;
    values[count++] = value;
  }

  /** Drops the accesses of what did not complete: those of a step and after. */
  void dropFrom(int step) {
    while (count > 0 && steps[count - 1] >= step) {
      count--;
    }
  }

  /** How many. */
  public int count() {
    return count;
  }

  /** Which instruction did it, from 0; iterations of a repeated instruction are one each. */
  public int step(int i) {
    return steps[i];
  }

  /** Its linear address. */
  public long linear(int i) {
    return linear[i];
  }

  /** Its guest-physical address; it may be a device's. */
  public long physical(int i) {
    return physical[i];
  }

  /** Bytes, 1..8. */
  public int size(int i) {
    return kinds[i] >> SIZE_SHIFT;
  }

  /** What was loaded or stored, zero-extended. */
  public long value(int i) {
    return values[i];
  }

  /** Whether it is a store. */
  public boolean isWrite(int i) {
    return (kinds[i] & WRITE) != 0;
  }

  /** Whether the CPU itself did it, with supervisor privilege: a descriptor, a TSS, the stack of a gate. */
  public boolean isSystem(int i) {
    return (kinds[i] & SYSTEM) != 0;
  }
}

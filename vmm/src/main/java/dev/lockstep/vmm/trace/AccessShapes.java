package dev.lockstep.vmm.trace;

/** What an access is but for address and value, in one number: the instruction of its group, its size, whether it is a store, whether the CPU itself made it. */
final class AccessShapes {
  private static final int WRITE = 1;
  private static final int SYSTEM = 2;
  private static final int SIZE_SHIFT = 2;
  private static final int STEP_SHIFT = 6;

  private AccessShapes() {}

  static int pack(int step, int size, boolean write, boolean system) {
    return step << STEP_SHIFT | size << SIZE_SHIFT | (system ? SYSTEM : 0) | (write ? WRITE : 0);
  }

  static int step(int shape) {
    return shape >>> STEP_SHIFT;
  }

  static int size(int shape) {
    return shape >>> SIZE_SHIFT & 15;
  }

  static boolean isWrite(int shape) {
    return (shape & WRITE) != 0;
  }

  static boolean isSystem(int shape) {
    return (shape & SYSTEM) != 0;
  }
}

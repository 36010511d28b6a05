package dev.lockstep.softcpu;

/** The registers in a TSS (Intel SDM vol. 3A figures 8-2 and 8-10): ES CS SS DS FS GS, the eight general registers, EIP, EFLAGS, LDT, and in a 32-bit one CR3 and the trap bit. */
final class TaskImage {
  private static final int GENERAL = 8;

  final long[] registers = new long[GENERAL];

  /** ES CS SS DS FS GS. */
  final int[] selectors = new int[6];

  long rip;
  long flags;
  long cr3;
  int ldt;

  /** T: a debug exception when the task is entered. */
  boolean trap;

  private TaskImage() {}

  /** Reads a 32-bit TSS, all of it before anything is used. */
  static TaskImage load32(Cpu c, long base) {
    TaskImage image = new TaskImage();
    image.cr3 = c.mmu.loadSystem(base + 0x1c, 4);
    image.rip = c.mmu.loadSystem(base + 0x20, 4);
    image.flags = c.mmu.loadSystem(base + 0x24, 4);
    for (int i = 0; i < GENERAL; i++) {
      image.registers[i] = c.mmu.loadSystem(base + 0x28 + 4L * i, 4);
    }
    for (int i = 0; i < 6; i++) {
      image.selectors[i] = (int) c.mmu.loadSystem(base + 0x48 + 4L * i, 2);
    }
    image.ldt = (int) c.mmu.loadSystem(base + 0x60, 2);
    image.trap = (c.mmu.loadSystem(base + 0x64, 2) & 1) != 0;
    return image;
  }

  /** Reads a 16-bit TSS; FS and GS become null, upper halves zero. */
  static TaskImage load16(Cpu c, long base) {
    TaskImage image = new TaskImage();
    image.rip = c.mmu.loadSystem(base + 0xe, 2);
    image.flags = c.mmu.loadSystem(base + 0x10, 2);
    for (int i = 0; i < GENERAL; i++) {
      image.registers[i] = c.mmu.loadSystem(base + 0x12 + 2L * i, 2);
    }
    for (int i = 0; i < 4; i++) {
      image.selectors[i] = (int) c.mmu.loadSystem(base + 0x22 + 2L * i, 2);
    }
    image.ldt = (int) c.mmu.loadSystem(base + 0x2a, 2);
    return image;
  }

  /** Writes the running task's registers, but not CR3 and LDT, which a switch never stores. The range is checked. */
  static void store32(Cpu c, long base, long rip, long flags) {
    c.mmu.storeSystem(base + 0x20, 4, rip);
    c.mmu.storeSystem(base + 0x24, 4, flags);
    for (int i = 0; i < GENERAL; i++) {
      c.mmu.storeSystem(base + 0x28 + 4L * i, 4, c.r[i]);
    }
    for (int i = 0; i < 6; i++) {
      c.mmu.storeSystem(base + 0x48 + 4L * i, 2, c.segments[i].selector);
    }
  }

  /** See {@link #store32}. */
  static void store16(Cpu c, long base, long rip, long flags) {
    c.mmu.storeSystem(base + 0xe, 2, rip);
    c.mmu.storeSystem(base + 0x10, 2, flags);
    for (int i = 0; i < GENERAL; i++) {
      c.mmu.storeSystem(base + 0x12 + 2L * i, 2, c.r[i]);
    }
    for (int i = 0; i < 4; i++) {
      c.mmu.storeSystem(base + 0x22 + 2L * i, 2, c.segments[i].selector);
    }
  }
}

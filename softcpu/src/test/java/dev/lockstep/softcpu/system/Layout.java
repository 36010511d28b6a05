package dev.lockstep.softcpu.system;

/** Where things lie in a case's memory. All of it is mapped to itself, open to ring 3, below {@link #WINDOW}. */
final class Layout {
  /** The image: a multiboot header, tables, code. */
  static final long IMAGE = 0x10_0000;

  static final long IMAGE_END = 0x16_0000;
  static final long GDT = 0x10_1000;
  static final long IDT = 0x10_2000;
  static final long TSS = 0x10_4000;
  static final long TABLES = 0x10_5000;

  /** The page table behind {@link #WINDOW}, in every paging mode. */
  static final long WINDOW_TABLE = 0x10_9000;

  /** The table of the first 2 MiB's mapping (an entry of 2 MiB). */
  static final long LOW_DIRECTORY = 0x10_7000;

  /** Directory whose first entry points at {@link #WINDOW_TABLE}. */
  static final long WINDOW_DIRECTORY = 0x10_8000;

  /** A count, then entries of 64 bytes. */
  static final long LOG = 0x11_0000;

  static final int LOG_ENTRIES = 400;
  static final long STACK = 0x11_c000;
  static final long IST1 = 0x11_e000;
  static final long RING0_STACK = 0x12_0000;
  static final long USER_STACK = 0x12_2000;
  static final long RUNTIME = 0x12_4000;
  static final long MAIN = 0x13_0000;

  /** Zeros, for the case's data. */
  static final long DATA = 0x14_0000;

  /** Linear addresses whose pages each case maps as it likes; 512 of them. */
  static final long WINDOW = 0x4000_0000;

  /** Physical pages for the window. */
  static final long FRAMES = 0x20_0000;

  static final long MEMORY = 0x80_0000;

  /** Selectors. */
  static final int CODE64 = 0x08;

  static final int DATA0 = 0x10;
  static final int CODE32 = 0x18;
  static final int TASK = 0x20;
  static final int CODE64_USER = 0x33;
  static final int DATA_USER = 0x3b;
  static final int CODE32_USER = 0x43;

  /** Free places of the GDT, up to 0x1f8. */
  static final int FREE_SELECTOR = 0x50;

  private Layout() {}
}

package dev.lockstep.kvm.memory;

/** Numbers of Linux for memory files and mappings that the generated bindings lack, under their own names (fcntl.h, sys/mman.h, linux/falloc.h); a test holds them against the host's headers. */
final class MemoryAbi {
  static final int F_ADD_SEALS = 1033;
  static final int F_GET_SEALS = 1034;
  static final int F_SEAL_SEAL = 0x01;
  static final int F_SEAL_SHRINK = 0x02;
  static final int F_SEAL_GROW = 0x04;
  static final int F_SEAL_WRITE = 0x08;
  static final int F_SEAL_FUTURE_WRITE = 0x10;

  static final int PROT_EXEC = 0x4;

  static final int MADV_WILLNEED = 3;
  static final int MADV_FREE = 8;
  static final int MADV_REMOVE = 9;
  static final int MADV_NOHUGEPAGE = 15;
  static final int MADV_POPULATE_READ = 22;
  static final int MADV_POPULATE_WRITE = 23;

  static final int FALLOC_FL_KEEP_SIZE = 0x01;
  static final int FALLOC_FL_PUNCH_HOLE = 0x02;

  private MemoryAbi() {}
}

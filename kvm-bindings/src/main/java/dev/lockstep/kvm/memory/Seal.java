package dev.lockstep.kvm.memory;

/** What nobody may do any more to a memory file once it is sealed (fcntl(2), "File Sealing"). Seals are never taken off. */
public enum Seal {
  /** No further seals. */
  SEAL(MemoryAbi.F_SEAL_SEAL),

  /** The file does not get smaller, so that a mapping's pages stay there: without it, a reader of a mapping can meet SIGBUS. */
  SHRINK(MemoryAbi.F_SEAL_SHRINK),

  /** The file does not get larger. */
  GROW(MemoryAbi.F_SEAL_GROW),

  /** No writes; refused (EBUSY) while a shared writable mapping exists. */
  WRITE(MemoryAbi.F_SEAL_WRITE),

  /** No writes but through the mappings that exist. Since Linux 5.1. */
  FUTURE_WRITE(MemoryAbi.F_SEAL_FUTURE_WRITE);

  private final int bit;

  Seal(int bit) {
    this.bit = bit;
  }

  int bit() {
    return bit;
  }
}

package dev.lockstep.kvm.memory;

import dev.lockstep.kvm.layout.LinuxKvm;

/** What a mapping may be used for (mmap(2), PROT_*). */
public enum Access {
  /** Nothing: every access is a SIGSEGV, for guard pages. */
  NONE(LinuxKvm.PROT_NONE()),

  /** Reads. */
  READ(LinuxKvm.PROT_READ()),

  /** Reads and writes. */
  READ_WRITE(LinuxKvm.PROT_READ() | LinuxKvm.PROT_WRITE()),

  /** Reads and execution as code of the host's processor. */
  READ_EXECUTE(LinuxKvm.PROT_READ() | MemoryAbi.PROT_EXEC);

  private final int bits;

  Access(int bits) {
    this.bits = bits;
  }

  int bits() {
    return bits;
  }
}

package dev.lockstep.vmm.tsc;

/**
 * An instruction that reads the time-stamp counter, or that reads or writes the control register which forbids it to programs.
 *
 * @param section of the kernel or module in which it stands
 * @param virtual address at which the guest executes it, or from which it is pasted
 * @param physical guest-physical address of its first byte
 * @param length bytes with its prefixes
 * @param kind which instruction
 */
public record TscSite(String section, long virtual, long physical, int length, Kind kind) {
  /** What reads the counter. */
  public enum Kind {
    /** 0F 31. */
    RDTSC,
    /** 0F 01 F9, which reads TSC_AUX as well. */
    RDTSCP,
    /** MOV CR4, r64: 0F 22 /4. */
    WRITE_CR4,
    /** MOV r64, CR4: 0F 20 /4. */
    READ_CR4;

    /** Whether it reads the counter. */
    public boolean readsCounter() {
      return this == RDTSC || this == RDTSCP;
    }
  }

  @Override
  public String toString() {
    return "%s at %#x in %s".formatted(kind, virtual, section);
  }
}

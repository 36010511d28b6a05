package dev.lockstep.kvm.disassembly;

/** How wide the code segment makes operands and addresses. */
public enum CodeMode {
  /** Real mode, and 16-bit segments. */
  BITS_16(1 << 1),

  /** 32-bit segments. */
  BITS_32(1 << 2),

  /** 64-bit segments. */
  BITS_64(1 << 3);

  private final int number;

  CodeMode(int number) {
    this.number = number;
  }

  /** Capstone's CS_MODE_*. */
  int number() {
    return number;
  }
}

package dev.lockstep.vmm.tsc;

import dev.lockstep.vmm.MachineLayout;
import org.jspecify.annotations.Nullable;

/** By which port patched code calls the machine: {@code OUT imm8, AL}, which has two bytes and leaves ring 0 on every engine. */
enum StopPort {
  /** The begin of the #GP handler. */
  FAULT,
  /** A module's text is in place and relocated, and has not run. */
  MODULE,
  /** MOV CR4, r64. */
  WRITE_CR4,
  /** MOV r64, CR4. */
  READ_CR4;

  /** Bytes of the instruction. */
  static final int LENGTH = 2;

  private static final byte OUT_IMM8_AL = (byte) 0xe6;
  private static final StopPort[] ALL = values();

  int port() {
    return MachineLayout.TSC_STOPS + ordinal();
  }

  /** The stop of a port, or null. */
  static @Nullable StopPort of(int port) {
    int index = port - MachineLayout.TSC_STOPS;
    return index >= 0 && index < ALL.length ? ALL[index] : null;
  }

  /** The instruction that stops there. */
  byte[] instruction() {
    return new byte[] {OUT_IMM8_AL, (byte) port()};
  }
}

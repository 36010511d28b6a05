package dev.lockstep.kvmcpu.probe;

import java.util.Arrays;

/** Pieces of machine code that several probes use. */
final class Code {
  private Code() {}

  /** Ends a probe's code: OUT in ring 0, UD2 in ring 3 (INT n is itself an instruction that hosts differ in). */
  static int[] end(Ring ring) {
    return switch (ring) {
      case KERNEL -> new int[] {0xe6, ProbeGuest.END};
      case USER -> new int[] {0x0f, 0x0b};
    };
  }

  /** The port on which {@link #end} shows. */
  static int endPort(Ring ring) {
    return switch (ring) {
      case KERNEL -> ProbeGuest.END;
      case USER -> ProbeGuest.USER_END;
    };
  }

  /** One piece after the other. */
  static int[] join(int[]... pieces) {
    return Arrays.stream(pieces).flatMapToInt(Arrays::stream).toArray();
  }

  /** The four bytes of {@link ProbeGuest#DATA} as an address in an instruction. */
  static int[] dataAddress() {
    int address = (int) ProbeGuest.DATA;
    return new int[] {address & 0xff, address >> 8 & 0xff, address >> 16 & 0xff, address >>> 24};
  }
}

package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.KvmVcpuHandle;

/** Recognises a string instruction with a REP prefix (Intel SDM vol. 2B, REP) by its bytes. */
final class RepeatedString {
  private static final int MAX_INSTRUCTION_BYTES = 15;

  private RepeatedString() {}

  /** Whether a vCPU in that state stands on one. */
  static boolean isAt(GuestMemory memory, KvmVcpuHandle vcpu, CpuState state) {
    return isAt(memory, vcpu.translate(state.segments[CpuState.CS].base + state.rip));
  }

  /**
   * @param guestPhysical where the instruction begins, or -1
   */
  private static boolean isAt(GuestMemory memory, long guestPhysical) {
    boolean repeated = false;
    for (int i = 0; i < MAX_INSTRUCTION_BYTES; i++) {
      if (guestPhysical < 0 || !memory.contains(guestPhysical + i, 1)) {
        return false;
      }
      int b = memory.read8(guestPhysical + i);
      switch (b) {
        case 0xf2, 0xf3 -> repeated = true;
        case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67 -> {}
        default -> {
          if (b >> 4 != 4) {
            // INS, OUTS; MOVS, CMPS; STOS, LODS, SCAS
            return repeated
                && (b >= 0x6c && b <= 0x6f || b >= 0xa4 && b <= 0xa7 || b >= 0xaa && b <= 0xaf);
          }
        }
      }
    }
    return false;
  }
}

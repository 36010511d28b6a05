package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.KvmVcpuHandle;
import java.lang.foreign.MemorySegment;

/**
 * The bytes that an instruction which waits for a device could write to memory: at ES:RDI (INS, MOVS) and below SS:RSP (PUSH). Kept while KVM has to complete an instruction whose answer nobody wants any
 * more.
 */
final class SparedMemory {
  /** The widest operand of such an instruction. */
  private static final int WIDEST = 16;

  private static final int RSP = 4, RDI = 7;
  private static final long DIRECTION_FLAG = 1 << 10;

  private final GuestMemory memory;
  private final long[] offsets;
  private final byte[] values;

  /**
   * Keeps what a guest in that state could write.
   *
   * @param bytes that a repeated instruction has asked for at once; 0 for none
   */
  SparedMemory(GuestMemory memory, KvmVcpuHandle vcpu, CpuState state, int bytes) {
    this.memory = memory;
    int room = Math.max(bytes, WIDEST);
    this.offsets = new long[room + WIDEST];
    this.values = new byte[room + WIDEST];
    long below = (state.rflags & DIRECTION_FLAG) != 0 ? room - WIDEST : 0;
    long destination = state.segments[CpuState.ES].base + state.gpr[RDI] - below;
    keep(vcpu, destination, 0, room);
    keep(vcpu, state.segments[CpuState.SS].base + state.gpr[RSP] - WIDEST, room, WIDEST);
  }

  private void keep(KvmVcpuHandle vcpu, long linear, int from, int length) {
    long page = -1;
    for (int i = 0; i < length; i++) {
      long at = linear + i;
      int within = (int) (at & GuestMemory.PAGE_SIZE - 1);
      if (i == 0 || within == 0) {
        long guestPhysical = vcpu.translate(at - within);
        page = guestPhysical < 0 ? -1 : memory.offset(guestPhysical);
      }
      offsets[from + i] = page < 0 ? -1 : page + within;
      if (page >= 0) {
        values[from + i] = memory.segment().get(GuestMemory.U8, page + within);
      }
    }
  }

  /** Puts them back. */
  void restore() {
    MemorySegment segment = memory.segment();
    for (int i = 0; i < offsets.length; i++) {
      if (offsets[i] >= 0) {
        segment.set(GuestMemory.U8, offsets[i], values[i]);
      }
    }
  }
}

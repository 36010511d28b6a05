package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The guest's linear memory in 64-bit mode as a stopped vCPU would read it, without setting accessed bits: page walks of four or five levels (Intel SDM vol. 3A 4.5). Permissions are not looked at: who
 * reads here asks for what the CPU itself has just fetched or pushed.
 */
final class GuestView {
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;
  private static final long CR4_LA57 = 1 << 12;
  private static final int PRESENT = 1;
  private static final int LARGE = 1 << 7;

  private final CpuState state;
  private final GuestMemory memory;

  GuestView(CpuState state, GuestMemory memory) {
    this.state = state;
    this.memory = memory;
  }

  /** The guest-physical address, or -1 where nothing is mapped or no memory is behind it. */
  long physical(long linear) {
    long table = state.cr3 & ADDRESS;
    int shift = (state.cr4 & CR4_LA57) != 0 ? 48 : 39;
    while (true) {
      long at = table + (linear >>> shift & 0x1ff) * Long.BYTES;
      if (!memory.contains(at, Long.BYTES)) {
        return -1;
      }
      long entry = memory.read64(at);
      if ((entry & PRESENT) == 0) {
        return -1;
      }
      boolean page = shift == 12 || shift <= 30 && (entry & LARGE) != 0;
      if (page) {
        long within = (1L << shift) - 1;
        long physical = entry & ADDRESS & ~within | linear & within;
        return memory.contains(physical, 1) ? physical : -1;
      }
      table = entry & ADDRESS;
      shift -= 9;
    }
  }

  /**
   * Reads bytes; pages may lie anywhere.
   *
   * @return as many as are mapped, at most {@code count}
   */
  byte[] bytes(long linear, int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      long physical = physical(linear + i);
      if (physical < 0) {
        return Arrays.copyOf(bytes, i);
      }
      bytes[i] = (byte) memory.read8(physical);
    }
    return bytes;
  }

  /** Eight bytes, little-endian; zero if they are not all mapped. */
  long quad(long linear) {
    byte[] bytes = bytes(linear, Long.BYTES);
    return bytes.length < Long.BYTES
        ? 0
        : ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }
}

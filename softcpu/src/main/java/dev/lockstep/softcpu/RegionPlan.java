package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What a region is made of: a copy of the code of some blocks of one page, the first of them the one that is entered.
 *
 * @param transferIncrement as in {@link Cpu}
 * @param parts the blocks; 64-bit code
 */
record RegionPlan(int transferIncrement, List<Part> parts) {
  /**
   * One block's code.
   *
   * @param rip of its first byte
   * @param code its bytes
   * @param fallsThrough whether it ends without a control transfer
   */
  record Part(long rip, byte[] code, boolean fallsThrough) {}

  long rip() {
    return parts.get(0).rip;
  }

  /** Whether memory holds this code: the first byte lies at an offset of the mapping. */
  boolean matches(MemorySegment memory, long offset) {
    for (Part part : parts) {
      long at = offset + part.rip - rip();
      MemorySegment there = memory.asSlice(at, part.code.length);
      if (there.mismatch(MemorySegment.ofArray(part.code)) >= 0) {
        return false;
      }
    }
    return true;
  }

  /** The chunks of its page that its code lies on, as {@link CodePages} numbers them. */
  long chunks(long offset) {
    long chunks = 0;
    for (Part part : parts) {
      chunks |= CodePages.mask(offset + part.rip - rip(), part.code.length);
    }
    return chunks;
  }

  /** Whether all of it lies in the page of its first byte, which is at an offset of the mapping. */
  boolean fits(long offset) {
    for (Part part : parts) {
      long first = offset + part.rip - rip();
      long last = first + part.code.length - 1;
      if ((first ^ offset) >>> GuestMemory.PAGE_SHIFT != 0
          || (last ^ offset) >>> GuestMemory.PAGE_SHIFT != 0) {
        return false;
      }
    }
    return true;
  }
}

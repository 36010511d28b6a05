package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a region is made of: a copy of the code of some blocks, the first of them the one that is entered.
 *
 * @param transferIncrement as in {@link Cpu}
 * @param parts the blocks; 64-bit code
 * @param pages the linear addresses of the pages that they lie on, each block on one; that of the first block first
 */
record RegionPlan(int transferIncrement, List<Part> parts, List<Long> pages) {
  private static final long WITHIN = GuestMemory.PAGE_SIZE - 1;

  /**
   * One block's code.
   *
   * @param rip of its first byte
   * @param code its bytes
   * @param fallsThrough whether it ends without a control transfer
   */
  record Part(long rip, byte[] code, boolean fallsThrough) {
    long page() {
      return rip & ~WITHIN;
    }
  }

  long rip() {
    return parts.get(0).rip;
  }

  /** The first half of the blocks. Its pages are the first ones of this one's, in the same order. */
  RegionPlan half() {
    List<Part> some = parts.subList(0, parts.size() / 2);
    List<Long> theirs = some.stream().map(Part::page).distinct().toList();
    return new RegionPlan(transferIncrement, some, theirs);
  }

  /** The number of the page of a block of it. */
  int page(Part part) {
    return pages.indexOf(part.page());
  }

  /** Where a block's code lies in the mapping, whose pages lie at these offsets. */
  long offset(Part part, long[] offsets) {
    return offsets[page(part)] + (part.rip & WITHIN);
  }

  /** Whether memory holds this code, its pages at these offsets of the mapping. */
  boolean matches(MemorySegment memory, long[] offsets) {
    for (Part part : parts) {
      MemorySegment there = memory.asSlice(offset(part, offsets), part.code.length);
      if (there.mismatch(MemorySegment.ofArray(part.code)) >= 0) {
        return false;
      }
    }
    return true;
  }

  /** The chunks of a page that its code lies on, as {@link CodePages} numbers them. */
  long chunks(int page) {
    long chunks = 0;
    for (Part part : parts) {
      if (page(part) == page) {
        chunks |= CodePages.mask(part.rip & WITHIN, part.code.length);
      }
    }
    return chunks;
  }

  /** Where the pages of another plan lie, if this one has them all; {@code offsets} are of this one's. Else null. */
  long @Nullable [] offsetsFor(RegionPlan other, long[] offsets) {
    long[] others = new long[other.pages.size()];
    for (int i = 0; i < others.length; i++) {
      int mine = pages.indexOf(other.pages.get(i));
      if (mine < 0) {
        return null;
      }
      others[i] = offsets[mine];
    }
    return others;
  }
}

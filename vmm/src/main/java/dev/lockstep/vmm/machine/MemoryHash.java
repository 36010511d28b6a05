package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;

/**
 * The hash of a machine's memory, brought up to date page by page while the guest runs on, so that at the moment that counts only what was written since has to
 * be read. Whoever keeps it hashes every page that was ever written once, and every page that is written later again.
 */
public final class MemoryHash {
  private final long[] placed;
  private final byte[] page = new byte[GuestMemory.PAGE_SIZE];
  private long sum;

  /** Of a memory that is all zeros. */
  public MemoryHash(GuestMemory memory) {
    placed = new long[Math.toIntExact(memory.segment().byteSize() >>> GuestMemory.PAGE_SHIFT)];
  }

  /** Takes a page as it is now, by its number in the mapping. */
  public void update(GuestMemory memory, int number) {
    MemorySegment.copy(
        memory.segment(),
        GuestMemory.U8,
        (long) number << GuestMemory.PAGE_SHIFT,
        page,
        0,
        GuestMemory.PAGE_SIZE);
    long now = StateHash.placed(StateHash.page(page, 0), number);
    sum += now - placed[number];
    placed[number] = now;
  }

  /** What {@link Boundary#digest} would say of memory, if every page is as it was when it was last taken. */
  public long value() {
    return sum;
  }
}

package dev.lockstep.engine;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A guest's linear memory as a stopped vCPU would read it, without setting accessed bits or touching a TLB: page walks of all four kinds (Intel SDM vol. 3A 4.3 to 4.5). Rights are looked at by {@link #fetch} alone: who
 * reads otherwise asks for what the CPU has fetched or pushed, or debugs. For one thread at a time.
 */
public final class LinearView {
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;
  private static final long LOW32 = 0xffff_ffffL;
  private static final long CR0_PG = 1L << 31;
  private static final long CR4_PSE = 1 << 4, CR4_PAE = 1 << 5, CR4_LA57 = 1 << 12;
  private static final long EFER_LMA = 1 << 10;
  private static final int PRESENT = 1, USER = 1 << 2, LARGE = 1 << 7;

  /** Reserved in an entry of a large page of 2 MiB; used or reserved in one of 4 MiB (SDM vol. 3A tables 4-4, 4-17). */
  private static final long LARGE_LOW = 0x1f_e000, LARGE_LOW4 = 0x3f_e000;

  private static final int LARGE_SHIFT = 21, HUGE_SHIFT = 30;
  private static final int PAGE_SHIFT = GuestMemory.PAGE_SHIFT;
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final CpuState state;
  private final GuestMemory memory;

  /** Of the last walk: bits that all entries have, and those that any has. */
  private long everywhere;

  private long anywhere;

  /** Whether the last walk met something that this class takes and a CPU may not, or may take from a copy of its own. */
  private boolean doubtful;

  /**
   * @param state whose paging to follow; read at each call
   */
  public LinearView(CpuState state, GuestMemory memory) {
    this.state = state;
    this.memory = memory;
  }

  /** The guest-physical address, or -1 where nothing is mapped or no memory is behind it. */
  public long physical(long linear) {
    long physical = walk(linear);
    return physical >= 0 && memory.contains(physical, 1) ? physical : -1;
  }

  private long walk(long linear) {
    everywhere = -1;
    anywhere = 0;
    doubtful = false;
    if ((state.cr0 & CR0_PG) == 0) {
      return linear & LOW32;
    }
    if ((state.efer & EFER_LMA) != 0) {
      return walk8(linear, state.cr3 & ADDRESS, (state.cr4 & CR4_LA57) != 0 ? 48 : 39);
    }
    long low = linear & LOW32;
    if ((state.cr4 & CR4_PAE) != 0) {
      long physical = walk8(low, state.cr3 & LOW32 & ~31L, HUGE_SHIFT);
      // A CPU keeps the four highest entries from when CR3 was written (SDM vol. 3A 4.4.1).
      doubtful = true;
      return physical;
    }
    return walk4(low, state.cr3 & LOW32 & ~0xfffL);
  }

  /** Entries of eight bytes; the highest table is indexed from bit {@code top} on. */
  private long walk8(long linear, long from, int top) {
    long table = from;
    for (int shift = top; ; shift -= 9) {
      long at = table + (linear >>> shift & 0x1ff) * Long.BYTES;
      if (!memory.contains(at, Long.BYTES)) {
        return -1;
      }
      long entry = memory.read64(at);
      if ((entry & PRESENT) == 0) {
        return -1;
      }
      note(entry);
      boolean mayBeLarge = shift == LARGE_SHIFT || shift == HUGE_SHIFT && top > HUGE_SHIFT;
      if ((entry & LARGE) != 0 && shift != PAGE_SHIFT) {
        // Not all CPUs have pages of 1 GiB.
        doubtful |= shift != LARGE_SHIFT || (entry & LARGE_LOW) != 0;
      }
      if (shift == PAGE_SHIFT || mayBeLarge && (entry & LARGE) != 0) {
        long within = (1L << shift) - 1;
        return entry & ADDRESS & ~within | linear & within;
      }
      table = entry & ADDRESS;
    }
  }

  /** Entries of four bytes, two levels. */
  private long walk4(long linear, long table) {
    long directory = entry4(table + (linear >>> 22) * Integer.BYTES);
    if ((directory & PRESENT) == 0) {
      return -1;
    }
    note(directory);
    if ((directory & LARGE) != 0 && (state.cr4 & CR4_PSE) != 0) {
      doubtful = (directory & LARGE_LOW4) != 0;
      // Bits 13 to 20 are address bits 32 to 39 (SDM vol. 3A table 4-4).
      return directory & 0xffc0_0000L | (directory >>> 13 & 0xff) << 32 | linear & 0x3f_ffff;
    }
    long page = entry4((directory & ~0xfffL) + (linear >>> PAGE_SHIFT & 0x3ff) * Integer.BYTES);
    note(page);
    return (page & PRESENT) == 0 ? -1 : page & ~0xfffL | linear & 0xfff;
  }

  private void note(long entry) {
    everywhere &= entry;
    anywhere |= entry;
  }

  private long entry4(long at) {
    return memory.contains(at, Integer.BYTES) ? memory.read32(at) & LOW32 : 0;
  }

  /**
   * Reads bytes; pages may lie anywhere.
   *
   * @return how many are mapped from there on, at most {@code into.length}; the rest is unchanged
   */
  public int read(long linear, byte[] into) {
    int done = 0;
    while (done < into.length) {
      int part = part(linear, into, done);
      long physical = physical(linear + done);
      if (physical < 0 || !memory.contains(physical, part)) {
        break;
      }
      memory.read(physical, into, done, part);
      done += part;
    }
    return done;
  }

  /** How many of the bytes from {@code done} on are in one page. */
  private static int part(long linear, byte[] into, int done) {
    return (int)
        Math.min(
            into.length - done,
            GuestMemory.PAGE_SIZE - (linear + done & GuestMemory.PAGE_SIZE - 1));
  }

  /**
   * As {@link #read}, of bytes that are certain to be fetched without a fault: the pages can be executed by that ring, and nothing in the walk is such that CPUs differ. Whether the address is canonical or within its segment
   * is the caller's to know.
   *
   * @param user fetched in ring 3
   */
  public int fetch(long linear, byte[] into, boolean user) {
    int done = 0;
    while (done < into.length) {
      int part = part(linear, into, done);
      long physical = physical(linear + done);
      if (physical < 0 || !memory.contains(physical, part) || !isExecutable(user)) {
        break;
      }
      memory.read(physical, into, done, part);
      done += part;
    }
    return done;
  }

  /** Whether a page that was just walked to can be executed (SDM vol. 3A 4.6.1); bit 63 is reserved where it does not forbid that. No CPU model has SMEP. */
  private boolean isExecutable(boolean user) {
    return !doubtful && anywhere >= 0 && (!user || (everywhere & USER) != 0);
  }

  /** As {@link #read}, into an array of its own that is as long as what is mapped. */
  public byte[] bytes(long linear, int count) {
    byte[] bytes = new byte[count];
    return Arrays.copyOf(bytes, read(linear, bytes));
  }

  /** Eight bytes, little-endian; zero if they are not all mapped. */
  public long quad(long linear) {
    if ((linear & 0xfff) <= GuestMemory.PAGE_SIZE - Long.BYTES) {
      long physical = physical(linear);
      return physical < 0 ? 0 : memory.read64(physical);
    }
    byte[] bytes = new byte[Long.BYTES];
    return read(linear, bytes) < Long.BYTES ? 0 : (long) LONG.get(bytes, 0);
  }
}

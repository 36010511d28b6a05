package dev.lockstep.vmm.tsc;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.boot.KernelMap;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Addresses at which instructions are known to begin, from the tables that Linux keeps of itself; a stripped kernel still has them. Layouts: Linux, {@code scripts/sorttable.c} (ORC and the
 * exception table), {@code arch/x86/include/asm/alternative.h}, {@code include/linux/export.h}, {@code tools/objtool/check.c} (the site lists).
 */
final class Boundaries {
  private static final int ALTERNATIVE_6_1 = 12;
  private static final int ALTERNATIVE_6_5 = 14;

  private final long[] starts;

  private Boundaries(long[] starts) {
    this.starts = starts;
  }

  /** Of addresses in any order. */
  static Boundaries of(long... addresses) {
    long[] sorted = addresses.clone();
    Arrays.sort(sorted);
    return new Boundaries(sorted);
  }

  /** Every boundary that the kernel's tables name. */
  static Boundaries of(KernelMap map, GuestMemory memory) {
    LongStream.Builder found = LongStream.builder();
    // Each entry begins with a 32-bit distance from itself.
    relative(map, memory, ".orc_unwind_ip", 4, found::add);
    relative(map, memory, ".return_sites", 4, found::add);
    relative(map, memory, ".retpoline_sites", 4, found::add);
    relative(map, memory, ".smp_locks", 4, found::add);
    relative(map, memory, "__ex_table", 12, found::add);
    relative(map, memory, "__bug_table", 12, found::add);
    relative(map, memory, "__ksymtab", 12, found::add);
    relative(map, memory, "__ksymtab_gpl", 12, found::add);
    long[] starts = found.build().sorted().distinct().toArray();
    AddressRanges pasted = alternatives(map, memory);
    // Unwinding inside code that alternatives may replace is described for all variants at once:
    // such an entry need not be a boundary of the one that is there.
    return new Boundaries(
        Arrays.stream(starts).filter(address -> !pasted.holdsInside(address)).toArray());
  }

  /** The stretches of text over which alternatives may be pasted. */
  private static AddressRanges alternatives(KernelMap map, GuestMemory memory) {
    KernelMap.@Nullable Section table = map.named(".altinstructions");
    AddressRanges ranges = new AddressRanges();
    if (table == null) {
      return ranges;
    }
    int size = table.size() % ALTERNATIVE_6_1 == 0 ? ALTERNATIVE_6_1 : ALTERNATIVE_6_5;
    for (long at = 0; at + size <= table.size(); at += size) {
      long instruction = table.virtual() + at + memory.read32(table.physical() + at);
      ranges.add(instruction, memory.read8(table.physical() + at + size - 2));
    }
    return ranges;
  }

  private static void relative(
      KernelMap map, GuestMemory memory, String name, int entry, LongConsumer found) {
    KernelMap.@Nullable Section table = map.named(name);
    // A table of other entries than known is no help, and none is needed for the others to be.
    if (table == null || table.size() % entry != 0) {
      return;
    }
    for (long at = 0; at + entry <= table.size(); at += entry) {
      found.accept(table.virtual() + at + memory.read32(table.physical() + at));
    }
  }

  /** How many there are. */
  int count() {
    return starts.length;
  }

  /** Index of the first at or after an address; {@link #count} if there is none. */
  int from(long address) {
    int found = Arrays.binarySearch(starts, address);
    return found >= 0 ? found : -found - 1;
  }

  /** The one with an index. */
  long at(int index) {
    return starts[index];
  }
}

package dev.lockstep.vmm.machine;

import com.dynatrace.hash4j.hashing.HashStream64;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.log.BulkHash;
import dev.lockstep.vmm.log.LogHash;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/** Hashes of a machine's parts. */
final class StateHash {
  private static final long ZERO_PAGE = LogHash.of(new byte[GuestMemory.PAGE_SIZE]);

  private StateHash() {}

  /** Over every device's encoded state and the virtual time. */
  static long devices(List<DeviceState> states, long virtualNanos, long pace) {
    HashStream64 stream = LogHash.stream();
    for (DeviceState state : states) {
      byte[] encoded = state.encode();
      stream.putInt(encoded.length).putBytes(encoded);
    }
    return stream.putLong(virtualNanos).putLong(pace).getAsLong();
  }

  /**
   * Over every page that is not all zeros, with its place. The same whatever pages were looked at, as long as all others
   * are zero.
   *
   * @param pages by number in the mapping
   */
  static long memory(GuestMemory memory, BitSet pages) {
    return memory(memory, pages, Map.of());
  }

  /**
   * The same of a memory in which some pages have another content.
   *
   * @param replaced the {@linkplain #page hash} of each such page, by number
   */
  static long memory(GuestMemory memory, BitSet pages, Map<Integer, Long> replaced) {
    long sum = 0;
    for (Map.Entry<Integer, Long> other : replaced.entrySet()) {
      sum += placed(other.getValue(), other.getKey());
    }
    byte[] page = new byte[GuestMemory.PAGE_SIZE];
    MemorySegment segment = memory.segment();
    BulkHash bulk = new BulkHash();
    for (int i = pages.nextSetBit(0); i >= 0; i = pages.nextSetBit(i + 1)) {
      if (replaced.containsKey(i)) {
        continue;
      }
      MemorySegment.copy(
          segment,
          GuestMemory.U8,
          (long) i << GuestMemory.PAGE_SHIFT,
          page,
          0,
          GuestMemory.PAGE_SIZE);
      sum += placed(bulk.put(page, 0, page.length).finish(), i);
    }
    return sum;
  }

  /** The hash of one page's content, wherever it is. */
  static long page(byte[] bytes, int from) {
    return new BulkHash().put(bytes, from, GuestMemory.PAGE_SIZE).finish();
  }

  /** What a page adds to the hash of memory at its place. */
  static long placed(long hash, int page) {
    return hash == ZERO_PAGE ? 0 : LogHash.of(hash, page);
  }
}

package dev.lockstep.vmm.tsc;

import java.util.Map;
import java.util.TreeMap;

/** Stretches of addresses; those that overlap become one. */
final class AddressRanges {
  private final TreeMap<Long, Long> endByStart = new TreeMap<>();

  /** Adds {@code size} bytes from {@code start} on. */
  void add(long start, long size) {
    long first = start;
    long end = start + size;
    Map.Entry<Long, Long> before = endByStart.lowerEntry(end);
    while (before != null && before.getValue() > first) {
      first = Math.min(first, before.getKey());
      end = Math.max(end, before.getValue());
      endByStart.remove(before.getKey());
      before = endByStart.lowerEntry(end);
    }
    endByStart.put(first, end);
  }

  /** Whether an address lies in one of them, but not at its start. */
  boolean holdsInside(long address) {
    Map.Entry<Long, Long> before = endByStart.lowerEntry(address);
    return before != null && address < before.getValue();
  }
}

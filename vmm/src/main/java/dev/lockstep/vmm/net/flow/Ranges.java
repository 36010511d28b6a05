package dev.lockstep.vmm.net.flow;

import java.util.Map;
import java.util.TreeMap;

/** A set of offsets, as ranges that do not touch. */
final class Ranges {
  private final TreeMap<Long, Long> ends = new TreeMap<>();

  /** Adds those from {@code from} to before {@code to}. */
  void add(long from, long to) {
    if (from >= to) {
      return;
    }
    long first = from;
    long last = to;
    Map.Entry<Long, Long> before = ends.floorEntry(from);
    if (before != null && before.getValue() >= from) {
      first = before.getKey();
      last = Math.max(last, before.getValue());
    }
    for (Map.Entry<Long, Long> next = ends.ceilingEntry(first);
        next != null && next.getKey() <= last;
        next = ends.ceilingEntry(first)) {
      last = Math.max(last, next.getValue());
      ends.remove(next.getKey());
    }
    ends.put(first, last);
  }

  /** Whether all of these are in it. */
  boolean covers(long from, long to) {
    if (from >= to) {
      return true;
    }
    Map.Entry<Long, Long> at = ends.floorEntry(from);
    return at != null && at.getValue() >= to;
  }

  /** Where the range ends that {@code from} is in; {@code from} itself if it is in none. */
  long coveredTo(long from) {
    Map.Entry<Long, Long> at = ends.floorEntry(from);
    return at == null ? from : Math.max(from, at.getValue());
  }

  /** The first offset of a range behind {@code from}; {@code limit} if there is none before that. */
  long nextCovered(long from, long limit) {
    Long next = ends.ceilingKey(from);
    return next == null ? limit : Math.min(next, limit);
  }

  /** Forgets all before {@code to}. */
  void dropBefore(long to) {
    Map.Entry<Long, Long> at = ends.floorEntry(to);
    ends.headMap(to, false).clear();
    if (at != null && at.getValue() > to) {
      ends.put(to, at.getValue());
    }
  }

  /** How many ranges it is of. */
  int size() {
    return ends.size();
  }
}

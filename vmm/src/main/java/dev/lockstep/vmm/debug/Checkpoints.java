package dev.lockstep.vmm.debug;

import dev.lockstep.vmm.machine.Position;
import dev.lockstep.vmm.machine.ReplayCursor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** States of a replay that were kept on the way, bounded in number and bytes: when there are too many, every second one goes and new ones are kept half as often. */
final class Checkpoints {
  private static final int MAX = 256;
  private static final long FIRST_SPACING = 4_000_000;

  private final long maxBytes;
  private final TreeMap<Long, ReplayCursor.Saved> saved = new TreeMap<>();
  private long spacing = FIRST_SPACING;
  private long bytes;

  /**
   * @param first the beginning, which is never dropped
   * @param maxBytes of what is kept, about
   */
  Checkpoints(ReplayCursor.Saved first, long maxBytes) {
    this.maxBytes = maxBytes;
    add(first);
  }

  /** The last one at this position or before. */
  ReplayCursor.Saved at(long steps) {
    Map.Entry<Long, ReplayCursor.Saved> entry = saved.floorEntry(steps);
    return entry == null ? saved.firstEntry().getValue() : entry.getValue();
  }

  /** The last one before this position, or null at the beginning. */
  ReplayCursor.@Nullable Saved before(long steps) {
    Map.Entry<Long, ReplayCursor.Saved> entry = saved.lowerEntry(steps);
    return entry == null ? null : entry.getValue();
  }

  /** The last one with a smaller branch count, or the first. */
  ReplayCursor.Saved beforeCount(long count) {
    ReplayCursor.Saved found = saved.firstEntry().getValue();
    for (ReplayCursor.Saved each : saved.values()) {
      if (each.position().count() < count) {
        found = each;
      }
    }
    return found;
  }

  /** The last one at which virtual time had not come to this. */
  ReplayCursor.Saved beforeNanos(long nanos) {
    ReplayCursor.Saved found = saved.firstEntry().getValue();
    for (ReplayCursor.Saved each : saved.values()) {
      if (each.virtualNanos() < nanos) {
        found = each;
      }
    }
    return found;
  }

  /** Whether one should be kept here: none is near before. */
  boolean wanted(long steps) {
    return steps - at(steps).position().steps() >= spacing;
  }

  int count() {
    return saved.size();
  }

  /** Bytes kept, about. */
  long bytes() {
    return bytes;
  }

  void add(ReplayCursor.Saved fresh) {
    Position position = fresh.position();
    bytes += fresh.ownBytes(before(position.steps()));
    saved.put(position.steps(), fresh);
    while ((saved.size() > MAX || bytes > maxBytes) && saved.size() > 2) {
      thin();
    }
  }

  private void thin() {
    List<Long> keys = new ArrayList<>(saved.keySet());
    for (int i = 1; i < keys.size(); i += 2) {
      saved.remove(keys.get(i));
    }
    spacing *= 2;
    bytes = 0;
    ReplayCursor.Saved last = null;
    for (ReplayCursor.Saved each : saved.values()) {
      bytes += each.ownBytes(last);
      last = each;
    }
  }
}

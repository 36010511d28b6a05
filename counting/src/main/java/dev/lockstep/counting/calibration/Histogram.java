package dev.lockstep.counting.calibration;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How often each value was seen. */
public final class Histogram {
  private static final int BAR = 40;

  private final TreeMap<Long, Long> seen = new TreeMap<>();
  private long samples;

  /** One more sample. */
  public void add(long value) {
    seen.merge(value, 1L, Long::sum);
    samples++;
  }

  /** How many samples there are. */
  public long samples() {
    return samples;
  }

  /** The smallest value; there is one. */
  public long min() {
    return seen.firstKey();
  }

  /** The largest value; there is one. */
  public long max() {
    return seen.lastKey();
  }

  /** Whether every sample was the same. */
  public boolean isConstant() {
    return seen.size() == 1;
  }

  /** The smallest value that so many of a thousand samples do not exceed. */
  public long perMille(int part) {
    long wanted = (samples * part + 999) / 1000;
    long sum = 0;
    for (Map.Entry<Long, Long> entry : seen.entrySet()) {
      sum += entry.getValue();
      if (sum >= wanted) {
        return entry.getKey();
      }
    }
    return max();
  }

  /** A line for each range of values, about {@code rows} of them, with a bar. */
  public List<String> lines(int rows) {
    List<String> lines = new ArrayList<>();
    if (samples == 0) {
      return lines;
    }
    long width = Math.max(1, (max() - min() + rows) / rows);
    long highest = 1;
    TreeMap<Long, Long> rowed = new TreeMap<>();
    for (Map.Entry<Long, Long> entry : seen.entrySet()) {
      long row = Math.floorDiv(entry.getKey() - min(), width);
      highest = Math.max(highest, rowed.merge(row, entry.getValue(), Long::sum));
    }
    for (Map.Entry<Long, Long> row : rowed.entrySet()) {
      long from = min() + row.getKey() * width;
      String range =
          width == 1 ? "%,d".formatted(from) : "%,d..%,d".formatted(from, from + width - 1);
      int bar = (int) Math.max(1, row.getValue() * BAR / highest);
      lines.add("%21s %,8d %s".formatted(range, row.getValue(), "#".repeat(bar)));
    }
    return lines;
  }
}

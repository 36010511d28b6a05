package dev.lockstep.benchmarks.kvm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What one side's rounds came to: the median of each. */
final class Medians {
  private final List<Double> rounds = new ArrayList<>();
  private long samples;
  private long bytes;

  /** Adds a round; sorts {@code nanos}. */
  void add(long[] nanos, long allocated) {
    Arrays.sort(nanos);
    rounds.add((nanos[(nanos.length - 1) / 2] + nanos[nanos.length / 2]) / 2.0);
    samples += nanos.length;
    bytes += allocated;
  }

  /** The median of the rounds' medians, nanoseconds. */
  double median() {
    List<Double> sorted = rounds.stream().sorted().toList();
    int n = sorted.size();
    return (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
  }

  /** The lowest and the highest of the rounds' medians. */
  String range() {
    double low = rounds.stream().mapToDouble(Double::doubleValue).min().orElse(0);
    double high = rounds.stream().mapToDouble(Double::doubleValue).max().orElse(0);
    return "%,.0f–%,.0f".formatted(low, high);
  }

  double bytesPerSample() {
    return (double) bytes / samples;
  }
}

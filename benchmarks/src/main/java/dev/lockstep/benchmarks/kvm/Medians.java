package dev.lockstep.benchmarks.kvm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What one side's rounds came to: the median of each. */
final class Medians {
  private final List<Double> rounds = new ArrayList<>();
  private long[] round = new long[0];
  private long samples;
  private long bytes;

  /** Adds a turn to the round. */
  void addTurn(long[] nanos, long allocated) {
    int before = round.length;
    round = Arrays.copyOf(round, before + nanos.length);
    System.arraycopy(nanos, 0, round, before, nanos.length);
    samples += nanos.length;
    bytes += allocated;
  }

  /** The round is over. */
  void endRound() {
    Arrays.sort(round);
    rounds.add((round[(round.length - 1) / 2] + round[round.length / 2]) / 2.0);
    round = new long[0];
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

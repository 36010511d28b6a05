package dev.lockstep.benchmarks.kvm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

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
    return median(rounds.stream());
  }

  /** The median of the rounds' ratios: what disturbs a round disturbs both. */
  double medianRatioTo(Medians other) {
    return median(indices().mapToObj(i -> rounds.get(i) / other.rounds.get(i)));
  }

  /** The median of the rounds' differences, nanoseconds. */
  double medianDifferenceTo(Medians other) {
    return median(indices().mapToObj(i -> rounds.get(i) - other.rounds.get(i)));
  }

  private IntStream indices() {
    return IntStream.range(0, rounds.size());
  }

  private static double median(Stream<Double> values) {
    List<Double> sorted = values.sorted().toList();
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

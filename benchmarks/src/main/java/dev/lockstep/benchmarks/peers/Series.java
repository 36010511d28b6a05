package dev.lockstep.benchmarks.peers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Values of one quantity, one a round. */
final class Series {
  private final List<Double> values = new ArrayList<>();

  void add(double value) {
    values.add(value);
  }

  int size() {
    return values.size();
  }

  double median() {
    return median(values);
  }

  private static double median(List<Double> of) {
    List<Double> sorted = of.stream().sorted().toList();
    int n = sorted.size();
    return n == 0 ? Double.NaN : (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
  }

  /** Round by round, since what disturbs a round disturbs both. */
  Series ratioTo(Series other) {
    Series ratios = new Series();
    for (int i = 0; i < Math.min(size(), other.size()); i++) {
      ratios.add(values.get(i) / other.values.get(i));
    }
    return ratios;
  }

  /**
   * Where the true median lies with at least 95 % confidence, whatever the distribution: between the k-th smallest and the k-th largest value, k as great as the binomial distribution allows. Below
   * six values that is not even the whole range, and nothing is said.
   */
  String interval() {
    int n = size();
    int k = 0;
    double term = Math.pow(0.5, n);
    double tail = term;
    while (tail <= 0.025) {
      k++;
      term *= (n - k + 1.0) / k;
      tail += term;
    }
    if (k == 0) {
      return "-";
    }
    List<Double> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return "%.2f–%.2f".formatted(sorted.get(k - 1), sorted.get(n - k));
  }
}

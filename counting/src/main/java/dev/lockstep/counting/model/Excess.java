package dev.lockstep.counting.model;

import java.util.random.RandomGenerator;

/**
 * What a transition adds to a modelled counter.
 *
 * @param constant events each time, possibly negative
 * @param varying up to as many more, drawn each time; 0 for none
 */
public record Excess(long constant, long varying) {
  /** Checks ranges. */
  public Excess {
    if (varying < 0) {
      throw new IllegalArgumentException("varying excess " + varying + " is negative");
    }
  }

  /** The same each time. */
  public static Excess of(long constant) {
    return new Excess(constant, 0);
  }

  long draw(RandomGenerator random) {
    return constant + (varying == 0 ? 0 : random.nextLong(varying + 1));
  }
}

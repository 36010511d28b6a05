package dev.lockstep.counting.model;

import java.util.random.RandomGenerator;

/** How often a skid of which length comes. */
public enum SkidShape {
  /** Every length alike. */
  UNIFORM,

  /** Short ones by far the most, as on hardware. */
  SHORT,

  /** The bound, each time. */
  WORST;

  /** A skid of 0 to {@code bound} branches. */
  long draw(RandomGenerator random, long bound) {
    return switch (this) {
      case UNIFORM -> random.nextLong(bound + 1);
      case SHORT -> {
        double half = random.nextDouble();
        yield (long) (bound * half * half * half * half);
      }
      case WORST -> bound;
    };
  }
}

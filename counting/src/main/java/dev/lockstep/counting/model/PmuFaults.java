package dev.lockstep.counting.model;

import dev.lockstep.counting.Transition;
import java.util.EnumMap;
import java.util.Map;

/**
 * What a modelled PMU does wrong.
 *
 * @param seed of everything that is drawn
 * @param skid how late its overflows come
 * @param signals those that come too late, in bursts, or for nothing
 * @param periods what becomes of the ones that are asked for
 * @param stopsAfter events after which the counter counts no more
 * @param breakpoints whether the host has execution breakpoints
 * @param companion whether a second counter measures the excess of transitions that the monitor does not see
 * @param excess what each transition adds
 */
public record PmuFaults(
    long seed,
    Skid skid,
    Signals signals,
    Periods periods,
    long stopsAfter,
    boolean breakpoints,
    boolean companion,
    Map<Transition, Excess> excess) {

  /**
   * How late overflows come.
   *
   * @param bound branches, at most
   * @param shape how skids are distributed below that
   * @param instructions more, at most: a stop need not be right behind a branch
   */
  public record Skid(long bound, SkidShape shape, int instructions) {}

  /**
   * Signals of overflows.
   *
   * @param lateOneIn one overflow in so many comes later than the skid's bound, up to ten times and 1,000 branches more; 0 for none
   * @param burst signals that may follow an overflow for nothing, at most
   * @param spuriousOneIn one run in so many is interrupted for nothing; 0 for none
   */
  public record Signals(int lateOneIn, int burst, int spuriousOneIn) {}

  /**
   * Periods.
   *
   * @param minimum shorter ones are rounded up to it
   * @param ignored a new one begins only after the next overflow
   */
  public record Periods(long minimum, boolean ignored) {}

  /** Copies. */
  public PmuFaults {
    excess = Map.copyOf(excess);
  }

  /** A PMU without a fault, skid included. */
  public static PmuFaults none(long seed) {
    return new PmuFaults(
        seed,
        new Skid(0, SkidShape.UNIFORM, 0),
        new Signals(0, 0, 0),
        new Periods(1, false),
        Long.MAX_VALUE,
        true,
        false,
        Map.of());
  }

  /** The same with skid. */
  public PmuFaults withSkid(long bound, SkidShape how, int instructions) {
    Skid wanted = new Skid(bound, how, instructions);
    return new PmuFaults(
        seed, wanted, signals, periods, stopsAfter, breakpoints, companion, excess);
  }

  /** The same with signals that come too late, in bursts, or for nothing. */
  public PmuFaults withSignals(int lateOne, int inBurst, int spuriousOne) {
    Signals wanted = new Signals(lateOne, inBurst, spuriousOne);
    return new PmuFaults(seed, skid, wanted, periods, stopsAfter, breakpoints, companion, excess);
  }

  /** The same with periods that are rounded up or begin late. */
  public PmuFaults withPeriods(long minimum, boolean ignored) {
    Periods wanted = new Periods(minimum, ignored);
    return new PmuFaults(seed, skid, signals, wanted, stopsAfter, breakpoints, companion, excess);
  }

  /** The same with a counter that stops. */
  public PmuFaults stoppingAfter(long events) {
    return new PmuFaults(seed, skid, signals, periods, events, breakpoints, companion, excess);
  }

  /** The same on a host without execution breakpoints. */
  public PmuFaults withoutBreakpoints() {
    return new PmuFaults(seed, skid, signals, periods, stopsAfter, false, companion, excess);
  }

  /** The same with a second counter that measures what the monitor does not see. */
  public PmuFaults withCompanion() {
    return new PmuFaults(seed, skid, signals, periods, stopsAfter, breakpoints, true, excess);
  }

  /** The same with an excess for a transition. */
  public PmuFaults withExcess(Transition kind, Excess each) {
    EnumMap<Transition, Excess> all = new EnumMap<>(Transition.class);
    all.putAll(excess);
    all.put(kind, each);
    return new PmuFaults(seed, skid, signals, periods, stopsAfter, breakpoints, companion, all);
  }

  long skidBound() {
    return skid.bound;
  }

  SkidShape shape() {
    return skid.shape;
  }

  int skidInstructions() {
    return skid.instructions;
  }

  int lateOneIn() {
    return signals.lateOneIn;
  }

  int burst() {
    return signals.burst;
  }

  int spuriousOneIn() {
    return signals.spuriousOneIn;
  }

  long minimumPeriod() {
    return periods.minimum;
  }

  boolean periodIgnored() {
    return periods.ignored;
  }

  /** Whether anything is added that the monitor does not see. */
  boolean hidesExcess() {
    return excess.keySet().stream().anyMatch(kind -> !kind.isVisible());
  }
}

package dev.lockstep.counting.model;

import dev.lockstep.counting.Transition;
import java.util.EnumMap;
import java.util.Map;

/**
 * What a modelled PMU does wrong.
 *
 * @param seed of everything that is drawn
 * @param skidBound branches that an overflow comes late, at most
 * @param shape how skids are distributed below that
 * @param skidInstructions instructions more that it comes late, at most: a stop need not be right behind a branch
 * @param lateOneIn one overflow in so many comes later than the bound, up to ten times and 1,000 branches more; 0 for none
 * @param burst signals that may follow an overflow for nothing, at most
 * @param spuriousOneIn one run in so many is interrupted for nothing; 0 for none
 * @param minimumPeriod shorter periods are rounded up to it
 * @param periodIgnored a new period begins only after the next overflow
 * @param stopsAfter events after which the counter counts no more
 * @param breakpoints whether the host has execution breakpoints
 * @param companion whether a second counter measures the excess of transitions that the monitor does not see
 * @param excess what each transition adds
 */
public record PmuFaults(
    long seed,
    long skidBound,
    SkidShape shape,
    int skidInstructions,
    int lateOneIn,
    int burst,
    int spuriousOneIn,
    long minimumPeriod,
    boolean periodIgnored,
    long stopsAfter,
    boolean breakpoints,
    boolean companion,
    Map<Transition, Excess> excess) {
  /** Copies. */
  public PmuFaults {
    excess = Map.copyOf(excess);
  }

  /** A PMU without a fault, skid included. */
  public static PmuFaults none(long seed) {
    return new PmuFaults(
        seed, 0, SkidShape.UNIFORM, 0, 0, 0, 0, 1, false, Long.MAX_VALUE, true, false, Map.of());
  }

  /** The same with skid. */
  public PmuFaults withSkid(long bound, SkidShape how, int instructions) {
    return new PmuFaults(
        seed,
        bound,
        how,
        instructions,
        lateOneIn,
        burst,
        spuriousOneIn,
        minimumPeriod,
        periodIgnored,
        stopsAfter,
        breakpoints,
        companion,
        excess);
  }

  /** The same with signals that come too late, in bursts, or for nothing. */
  public PmuFaults withSignals(int lateOne, int inBurst, int spuriousOne) {
    return new PmuFaults(
        seed,
        skidBound,
        shape,
        skidInstructions,
        lateOne,
        inBurst,
        spuriousOne,
        minimumPeriod,
        periodIgnored,
        stopsAfter,
        breakpoints,
        companion,
        excess);
  }

  /** The same with periods that are rounded up or begin late. */
  public PmuFaults withPeriods(long minimum, boolean ignored) {
    return new PmuFaults(
        seed,
        skidBound,
        shape,
        skidInstructions,
        lateOneIn,
        burst,
        spuriousOneIn,
        minimum,
        ignored,
        stopsAfter,
        breakpoints,
        companion,
        excess);
  }

  /** The same with a counter that stops. */
  public PmuFaults stoppingAfter(long events) {
    return new PmuFaults(
        seed,
        skidBound,
        shape,
        skidInstructions,
        lateOneIn,
        burst,
        spuriousOneIn,
        minimumPeriod,
        periodIgnored,
        events,
        breakpoints,
        companion,
        excess);
  }

  /** The same on a host without execution breakpoints. */
  public PmuFaults withoutBreakpoints() {
    return new PmuFaults(
        seed,
        skidBound,
        shape,
        skidInstructions,
        lateOneIn,
        burst,
        spuriousOneIn,
        minimumPeriod,
        periodIgnored,
        stopsAfter,
        false,
        companion,
        excess);
  }

  /** The same with a second counter that measures what the monitor does not see. */
  public PmuFaults withCompanion() {
    return new PmuFaults(
        seed,
        skidBound,
        shape,
        skidInstructions,
        lateOneIn,
        burst,
        spuriousOneIn,
        minimumPeriod,
        periodIgnored,
        stopsAfter,
        breakpoints,
        true,
        excess);
  }

  /** The same with an excess for a transition. */
  public PmuFaults withExcess(Transition kind, Excess each) {
    EnumMap<Transition, Excess> all = new EnumMap<>(Transition.class);
    all.putAll(excess);
    all.put(kind, each);
    return new PmuFaults(
        seed,
        skidBound,
        shape,
        skidInstructions,
        lateOneIn,
        burst,
        spuriousOneIn,
        minimumPeriod,
        periodIgnored,
        stopsAfter,
        breakpoints,
        companion,
        all);
  }

  /** Whether anything is added that the monitor does not see. */
  boolean hidesExcess() {
    return excess.keySet().stream().anyMatch(kind -> !kind.isVisible());
  }
}

package dev.lockstep.counting.calibration;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.Stop;
import dev.lockstep.counting.Transition;
import dev.lockstep.counting.calibration.CalibrationReport.Measurement;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.VcpuExit;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** One calibration of one counter. Takes about a second on hardware. */
public final class Calibration {
  private static final int REPETITIONS = 10;
  private static final int PERIOD_SAMPLES = 40;
  private static final long SHORTEST_PERIOD = 1_000, LONGEST_PERIOD = 5_000;
  private static final long NEVER_REACHED = 1L << 40;

  /** Rounds after an armed count in which its overflow must come. */
  static final int PATIENCE_ROUNDS = 50_000;

  /** Signals in a row without the counter having moved. */
  private static final int MAX_IDLE = 64;

  private static final long LARGEST_MINIMUM_PERIOD = 1 << 12;

  private final CalibrationSubject subject;
  private final Extent extent;
  private final CalibrationGuest guest;
  private final long usualSkid;
  private final SplittableRandom random;
  private final List<Measurement> measurements = new ArrayList<>();
  private final List<String> reasons = new ArrayList<>();
  private final Histogram skid = new Histogram();
  private final Map<Transition, Long> excess = new EnumMap<>(Transition.class);
  private boolean reopens;
  private long early;

  /** What each exit to the monitor adds; an interruption in the middle of a run is one too. */
  private long perExit;

  /** Times that the guest was left in the last {@link #count}. */
  private long stops;

  private Calibration(CalibrationSubject subject, Extent extent, long usualSkid, long seed) {
    this.subject = subject;
    this.extent = extent;
    this.guest = new CalibrationGuest(subject.memory());
    this.usualSkid = usualSkid;
    this.random = new SplittableRandom(seed);
  }

  /**
   * How much is run.
   *
   * @param loopRounds of the bare loops, each repetition: long enough to meet interrupts of the host
   * @param rounds of the experiments inside the guest
   * @param exitingRounds of the experiments that leave it each round
   * @param skidSamples overflows
   */
  public record Extent(int loopRounds, int rounds, int exitingRounds, int skidSamples) {
    /** For hardware: about a second. */
    public static final Extent FULL = new Extent(2_000_000, 2_000, 200, 1_000);
  }

  /** The guest did what it was not told to, or the counter stopped: nothing more can be measured. */
  private static final class Broken extends Exception {
    private static final long serialVersionUID = 1L;

    Broken(String message) {
      super(message);
    }
  }

  /**
   * Calibrates.
   *
   * @param extent how much is run
   * @param usualSkid the skid bound that is known of this microarchitecture, in branches; the result is never less
   * @param seed of the distances that are armed
   */
  public static CalibrationReport run(
      CalibrationSubject subject, Extent extent, long usualSkid, long seed) {
    return new Calibration(subject, extent, usualSkid, seed).all();
  }

  private CalibrationReport all() {
    long minimumPeriod = 1;
    try {
      measureExcess();
      if (overflowComes()) {
        measureSkid();
        minimumPeriod = minimumPeriod();
      }
    } catch (Broken e) {
      reasons.add(e.getMessage());
    }
    CalibrationVerdict verdict;
    if (reasons.isEmpty()) {
      // A quarter more than ever seen: the next one may be the longest yet.
      long bound = Math.max(usualSkid, skid.max() + skid.max() / 4);
      verdict =
          new CalibrationVerdict.Exact(
              new CounterLimits(bound, minimumPeriod, reopens), new ExcessTable(excess));
    } else {
      verdict = new CalibrationVerdict.Refused(reasons);
    }
    return new CalibrationReport(verdict, measurements, skid, early);
  }

  private void measureExcess() throws Broken {
    int inside = extent.rounds();
    // First: whatever else is measured may be interrupted.
    perExit = each(Experiment.EXIT, extent.exitingRounds(), 0, Transition.EXIT);
    each(Experiment.LOOP_KERNEL, extent.loopRounds(), 0, null);
    each(Experiment.LOOP_USER, extent.loopRounds(), 0, null);
    each(Experiment.KERNEL_EXIT, inside, 0, Transition.KERNEL_EXIT);
    long far = each(Experiment.IRET, inside, 0, Transition.FAR_TRANSFER);
    each(Experiment.EXCEPTION_KERNEL, inside, far, Transition.EXCEPTION);
    each(Experiment.EXCEPTION_USER, inside, far, Transition.EXCEPTION);
    each(Experiment.PAGE_FAULT, inside, far, Transition.EXCEPTION);
    each(Experiment.SYSTEM_CALL, inside, 0, Transition.SYSTEM_CALL);
    each(Experiment.INJECTION, extent.exitingRounds(), far, Transition.INJECTION);
  }

  /**
   * Measures what a round adds besides {@code known} events of other transitions in it.
   *
   * @param transition what it is held to be an excess of; null for the loop, which must have none
   * @return events, 0 if it varies
   */
  private long each(Experiment experiment, int rounds, long known, @Nullable Transition transition)
      throws Broken {
    boolean all = subject.semantics() == BranchSemantics.ALL_TRANSFERS;
    long held = 1 + (all ? experiment.transfers() : 0);
    Histogram extra = new Histogram();
    for (int i = 0; i < REPETITIONS; i++) {
      long once = count(experiment, rounds);
      long left = stops;
      long twice = count(experiment, 2 * rounds);
      left = stops - left;
      extra.add(twice - once - rounds * (held + known) - left * perExit);
    }
    Measurement measured = new Measurement(experiment.words(), rounds, extra);
    measurements.add(measured);
    if (!measured.isConstant()) {
      reasons.add(
          "%s: the excess of %,d rounds varies from %+,d to %+,d events"
              .formatted(experiment.words(), rounds, extra.min(), extra.max()));
      return 0;
    }
    long each = measured.each();
    if (each != 0 && transition == null) {
      reasons.add(
          "%s: %,d branches were counted as %,d"
              .formatted(experiment.words(), rounds, rounds * (held + each)));
    } else if (each != 0 && transition != null) {
      take(experiment, transition, each);
    }
    return each;
  }

  private void take(Experiment experiment, Transition transition, long each) {
    if (transition.isVisible()) {
      excess.put(transition, each);
    } else {
      reasons.add(
          "%s: each adds %+d events, and nobody can see each of them to subtract it (a companion counter that measures the same would help)"
              .formatted(experiment.words(), each));
    }
  }

  /** Runs an experiment from its start to its end: what the counter read more. */
  private long count(Experiment experiment, int rounds) throws Broken {
    subject.load(guest.prepare(experiment, rounds));
    long before = subject.count();
    int idle = 0;
    long last = before;
    stops = 0;
    while (true) {
      Stop stop = subject.runFree(Long.MAX_VALUE);
      stops++;
      if (stop instanceof Stop.Exit(VcpuExit exit)) {
        if (isEnd(experiment, exit)) {
          return subject.count() - before;
        }
        if (experiment == Experiment.INJECTION) {
          subject.inject(CalibrationGuest.VECTOR);
        }
      } else {
        long now = subject.count();
        idle = now == last ? idle + 1 : 0;
        last = now;
        if (idle == MAX_IDLE) {
          throw new Broken("the counter stands still while the guest loops");
        }
      }
    }
  }

  private static boolean isEnd(Experiment experiment, VcpuExit exit) throws Broken {
    if (exit instanceof VcpuExit.PortWrite write && write.port() == CalibrationGuest.END) {
      return true;
    }
    if (exit instanceof VcpuExit.PortWrite write && write.port() == CalibrationGuest.ROUND) {
      return false;
    }
    throw new Broken(
        "%s: the guest left by %s instead"
            .formatted(
                experiment.words(),
                exit instanceof VcpuExit.PortWrite write
                    ? "exception %d".formatted(write.port())
                    : exit.toString()));
  }

  /** Whether an overflow comes at all, and how it must be armed. */
  private boolean overflowComes() throws Broken {
    // Leaves a long period half way through: a kernel that begins the next one late shows it here.
    subject.load(guest.prepare(Experiment.LOOP_USER, 1));
    subject.runFree(subject.count() + NEVER_REACHED);
    if (landing(LONGEST_PERIOD) >= 0) {
      return true;
    }
    reopens = true;
    subject.reopenToArm();
    if (landing(LONGEST_PERIOD) >= 0) {
      return true;
    }
    reasons.add(
        "no overflow came within %,d branches of the armed count".formatted(PATIENCE_ROUNDS));
    return false;
  }

  /** Arms so many events ahead: how many later the overflow was seen, or -1 for not at all. */
  private long landing(long period) throws Broken {
    Experiment loop = random.nextBoolean() ? Experiment.LOOP_USER : Experiment.LOOP_KERNEL;
    subject.load(guest.prepare(loop, (int) period + PATIENCE_ROUNDS));
    long armed = subject.count() + period;
    int idle = 0;
    long last = armed - period;
    while (true) {
      Stop stop = subject.runFree(armed);
      if (stop instanceof Stop.Exit(VcpuExit exit)) {
        isEnd(loop, exit);
        return -1;
      }
      long now = subject.count();
      if (now >= armed) {
        return now - armed;
      }
      early++;
      idle = now == last ? idle + 1 : 0;
      last = now;
      if (idle == MAX_IDLE) {
        throw new Broken("the counter stands still while the guest loops");
      }
    }
  }

  private void measureSkid() throws Broken {
    int missing = 0;
    for (int i = 0; i < extent.skidSamples(); i++) {
      long late = landing(random.nextLong(SHORTEST_PERIOD, LONGEST_PERIOD));
      if (late < 0) {
        missing++;
      } else {
        skid.add(late);
      }
    }
    if (missing > 0) {
      reasons.add(
          "%,d of %,d overflows did not come within %,d branches"
              .formatted(missing, extent.skidSamples(), PATIENCE_ROUNDS));
    }
  }

  /** The shortest period whose overflows are no later than those of long ones. */
  private long minimumPeriod() throws Broken {
    long bound = skid.samples() == 0 ? 0 : skid.max();
    for (long period = 1; period <= LARGEST_MINIMUM_PERIOD; period *= 2) {
      long latest = 0;
      for (int i = 0; i < PERIOD_SAMPLES && latest <= bound; i++) {
        long late = landing(period);
        latest = Math.max(latest, late < 0 ? Long.MAX_VALUE : late);
      }
      if (latest <= bound) {
        return period;
      }
    }
    reasons.add(
        "overflows of periods up to %,d come later than those of longer ones"
            .formatted(LARGEST_MINIMUM_PERIOD));
    return 1;
  }
}

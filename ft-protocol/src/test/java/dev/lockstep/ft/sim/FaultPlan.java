package dev.lockstep.ft.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Which faults one seed suffers, and how often. Each seed draws its own subset, so that some runs are calm but for one kind of trouble and some have it all.
 *
 * @param loss chance that a message is lost
 * @param duplication chance that a message comes twice
 * @param staleCopies chance that a copy of a message comes much later
 * @param delayNanos usual jitter of a message
 * @param rareDelayNanos jitter of one message in twenty
 * @param arbiterLoss chance that a request to the arbiter, or its answer, is lost
 * @param crashPerStep chance that a process dies between two effects
 * @param eventGapNanos mean time between two large faults
 * @param kinds the large faults there are; a kind named twice comes twice as often
 * @param slowBackup replay runs at this part of its usual speed
 */
record FaultPlan(
    double loss,
    double duplication,
    double staleCopies,
    long delayNanos,
    long rareDelayNanos,
    double arbiterLoss,
    double crashPerStep,
    long eventGapNanos,
    List<Kind> kinds,
    double slowBackup) {

  /** Large faults. */
  enum Kind {
    /** SIGKILL; the process is started again as a backup. */
    KILL,
    /** SIGSTOP, a long collection, a host without time: nothing runs, nothing is lost. */
    FREEZE,
    /** One or both directions between two replicas are cut for a while. */
    PARTITION,
    /** The connection between two replicas breaks. */
    RESET,
    /** A replica cannot reach the arbiter for a while. */
    ARBITER_CUT,
    /** A bit of a replica's machine changes of itself. */
    FLIP,
    /** The clock of a replica's machine goes wrong. */
    SKEW,
    /** An instruction of a replica's guest gives a value of its host's. */
    LEAK,
    /** An operator moves the VM to the backup. */
    SWITCH,
    /** An operator drops the backup, and wants one again a little later. */
    UNPROTECT
  }

  /** Nothing goes wrong. */
  static final FaultPlan NONE =
      new FaultPlan(0, 0, 0, 100_000, 200_000, 0, 0, Long.MAX_VALUE, List.of(), 1);

  static FaultPlan draw(SplittableRandom random) {
    List<Kind> kinds = new ArrayList<>();
    if (random.nextInt(8) != 0) {
      kinds.add(Kind.KILL);
      kinds.add(Kind.KILL);
    }
    for (Kind kind :
        List.of(
            Kind.FREEZE,
            Kind.PARTITION,
            Kind.RESET,
            Kind.ARBITER_CUT,
            Kind.FLIP,
            Kind.SKEW,
            Kind.LEAK,
            Kind.SWITCH,
            Kind.UNPROTECT)) {
      if (random.nextInt(3) == 0) {
        kinds.add(kind);
      }
    }
    return new FaultPlan(
        random.nextInt(3) == 0 ? random.nextDouble() * 0.2 : 0,
        random.nextInt(3) == 0 ? random.nextDouble() * 0.2 : 0,
        random.nextInt(2) == 0 ? random.nextDouble() * 0.1 : 0,
        random.nextInt(2) == 0 ? 50_000 : 2_000_000,
        random.nextInt(3) == 0 ? 30_000_000 : 1_000_000,
        random.nextInt(3) == 0 ? random.nextDouble() * 0.7 : 0,
        random.nextInt(5) == 0 ? 0.0003 : 0,
        (20 + random.nextInt(130)) * 1_000_000L,
        List.copyOf(kinds),
        random.nextInt(4) == 0 ? 0.5 : 1);
  }
}

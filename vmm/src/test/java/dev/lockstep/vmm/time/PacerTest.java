package dev.lockstep.vmm.time;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** A guest and a host in simulated time: each boundary comes after some branches, which take the host so long. */
class PacerTest {
  private static final long SECOND = 1_000_000_000L;

  private final VirtualClock clock = new VirtualClock();
  private Pacer pacer = BranchPacer.withFrequentBoundaries();
  private long host = 12_345;
  private long count;
  private long entries;
  private long waited;
  private long worstBehind;
  private long worstAhead;

  PacerTest() {
    pacer.anchor(host, 0);
    pacer.running(host, 0);
  }

  @Test
  void aSteadyGuestNeedsFewEntriesAndHardlyWaits() {
    run(SECOND, 30.0);
    entries = 0;
    waited = 0;
    run(20 * SECOND, 30.0);
    assertThat(entries).isLessThan(20 * 10);
    assertThat(waited).isLessThan(20 * SECOND / 50);
    assertBounds();
  }

  @Test
  void aStartOnABusyHostDoesNotPutTheGuestToSleepForEver() {
    // The first boundary takes 100 ms, cold and preempted; from then on the host is fast.
    boundary(100e6 / pacer.boundaryBranches());
    boundary(100e6 / pacer.boundaryBranches());
    waited = 0;
    run(5 * SECOND, 15.0);
    assertThat(waited).isLessThan(SECOND);
  }

  /** As after a start from a snapshot: the guest's first branch takes the host longer than its next ten thousand. */
  @Test
  void aFirstBranchThatTakesLongDoesNotPutTheGuestToSleep() {
    oneLongBranch();
    run(SECOND / 10, 30.0);
    assertThat(waited).isLessThan(2 * BranchPacer.MAX_STEP_NANOS);
    assertBounds();
  }

  @Test
  void oneBranchThatTakesLongLaterOnDoesNotEither() {
    run(SECOND, 30.0);
    waited = 0;
    pacer.running(host, count);
    oneLongBranch();
    run(SECOND / 10, 30.0);
    assertThat(waited).isLessThan(BranchPacer.MAX_STEP_NANOS);
    assertBounds();
  }

  private void oneLongBranch() {
    count++;
    host += 17_800_000;
    Pacer.Decision decision = pacer.decide(host, clock.nanosAt(count), count, clock.pace());
    if (decision.pace() > 0) {
      clock.adjust(count, decision.stepNanos(), decision.pace());
    }
  }

  @Test
  void boundariesAreCloseForWhoeverWantsThemSoWhereTheyAreCheap() {
    run(SECOND, 30.0);
    long usual = pacer.boundaryBranches();
    long close = pacer.boundaryBranches(250_000);
    assertThat(close).as("250 us of 30 ns each").isBetween(7_500L, 9_500L).isLessThan(usual);
    assertThat(pacer.boundaryBranches(SECOND)).isEqualTo(usual);
    assertThat(pacer.boundaryBranches(1)).as("however soon").isEqualTo(1 << 10);
    Pacer rare = BranchPacer.withRareBoundaries();
    assertThat(rare.boundaryBranches(250_000)).isEqualTo(rare.boundaryBranches());
  }

  @Test
  void aPromiseIsShortWhereBoundariesAreDearToo() {
    pacer = BranchPacer.withRareBoundaries();
    pacer.anchor(host, 0);
    pacer.running(host, 0);
    run(SECOND, 30.0);
    assertThat(pacer.branchesIn(250_000)).as("250 us of 30 ns each").isBetween(7_500L, 9_500L);
    assertThat(pacer.boundaryBranches(250_000)).isGreaterThan(100_000);
  }

  /** Each wakes threads on two hosts: more seldom than boundaries where the guest is fast, unless somebody talks with it. */
  @Test
  void aPromiseIsLongerThanABoundaryOfFastCode() {
    run(SECOND, 10.0);
    assertThat(pacer.boundaryBranches()).isEqualTo(1 << 15);
    assertThat(pacer.branchesIn(2_000_000)).as("2 ms of 10 ns").isBetween(180_000L, 220_000L);
    assertThat(pacer.branchesIn(1_500_000)).as("sooner").isEqualTo(1 << 15);
    run(SECOND, 1.0);
    assertThat(pacer.branchesIn(2_000_000)).as("what follows may be slow").isEqualTo(1 << 20);
  }

  @Test
  void slowAndFastGuestsAreKeptNear() {
    for (double nanosPerBranch : new double[] {5, 400, 2, 37.5, 1000}) {
      run(5 * SECOND, nanosPerBranch);
    }
    assertBounds();
  }

  @Test
  void aGuestWhoseSpeedVariesFromBoundaryToBoundaryIsKeptNear() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("PacerTest seed " + seed);
    Random random = new Random(seed);
    long end = host + 20 * SECOND;
    while (host < end) {
      boundary(10 + random.nextInt(60));
    }
    assertThat(entries).as("seed %d", seed).isLessThan(20 * 40);
    assertBounds();
  }

  @Test
  void aStallIsMadeGoodInBoundedSteps() {
    run(2 * SECOND, 30);
    host += SECOND;
    long before = clock.nanosAt(count);
    entries = 0;
    boundary(30);
    assertThat(clock.nanosAt(count) - before)
        .isLessThanOrEqualTo(BranchPacer.MAX_STEP_NANOS + 10_000_000);
    run(SECOND, 30);
    assertThat(pacer.virtualAt(host) - clock.nanosAt(count))
        .isLessThan(2 * BranchPacer.MAX_BEHIND_NANOS);
  }

  @Test
  void aLongStallIsGivenUp() {
    run(2 * SECOND, 30);
    host += 3600 * SECOND;
    Pacer.Decision decision = pacer.decide(host, clock.nanosAt(count), count, clock.pace());
    assertThat(decision.lostNanos()).isGreaterThan(3590 * SECOND);
    assertThat(decision.stepNanos()).isZero();
    worstBehind = 0;
    run(SECOND, 30);
    assertBounds();
  }

  private void assertBounds() {
    assertThat(worstBehind).isLessThan(4 * BranchPacer.MAX_BEHIND_NANOS);
    assertThat(worstAhead).isLessThan(4 * BranchPacer.MAX_BEHIND_NANOS);
  }

  private void run(long nanos, double nanosPerBranch) {
    long end = host + nanos;
    while (host < end) {
      boundary(nanosPerBranch);
    }
  }

  private void boundary(double nanosPerBranch) {
    long branches = pacer.boundaryBranches();
    count += branches;
    host += (long) (branches * nanosPerBranch);
    long virtual = clock.nanosAt(count);
    worstBehind = Math.max(worstBehind, pacer.virtualAt(host) - virtual);
    worstAhead = Math.max(worstAhead, virtual - pacer.virtualAt(host));
    Pacer.Decision decision = pacer.decide(host, virtual, count, clock.pace());
    if (decision.pace() > 0) {
      entries++;
      clock.adjust(count, decision.stepNanos(), decision.pace());
    }
    if (decision.waitNanos() > 0) {
      waited += decision.waitNanos();
      host += decision.waitNanos();
      pacer.running(host, count);
    }
  }
}

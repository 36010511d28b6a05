package dev.lockstep.ft.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** When a primary's outputs begin to wait for a backup that catches up: clients see its lag as a time without an answer. */
class ArmingTest {
  private static final long MILLI = 1_000_000;
  private static final ReplicaInstance BACKUP = new ReplicaInstance("b", 1);
  private static final Timing TIMING = Timing.defaults();
  private static final Limits LIMITS = Limits.defaults();

  private final List<PrimaryEffect> effects = new ArrayList<>();
  private long now = 1_000 * MILLI;

  /** How long a heartbeat and its echo are on their way. */
  private long roundTripNanos;

  private void step(PrimaryCore core, PrimaryInput input) {
    effects.addAll(core.step(now, input));
  }

  /** A primary whose backup makes its machine of a checkpoint, for a second and a half in which the guest goes on. */
  private PrimaryCore joined(OutputCommit commit) {
    PrimaryCore core =
        new PrimaryCore(
            new VmId("vm", 1),
            new ReplicaInstance("a", 1),
            1,
            TIMING,
            LIMITS,
            commit,
            StartPolicy.START_ALONE);
    effects.addAll(core.begin(now));
    step(core, new PrimaryInput.Received(new Message.JoinRequest(BACKUP)));
    step(core, new PrimaryInput.CheckpointTaken(2, 0, 0));
    receives(core, 1_500);
    return core;
  }

  private void receives(PrimaryCore core, long millis) {
    for (long i = 0; i < millis; i++) {
      goOn(core);
      report(core, BackupStage.RECEIVING, 0);
    }
  }

  /** The guest gets on for so long, and the backup follows it at a distance, both a position a millisecond. */
  private void run(PrimaryCore core, long millis, long lagMillis) {
    for (long i = 0; i < millis; i++) {
      goOn(core);
      report(core, BackupStage.CATCHING_UP, now / MILLI - lagMillis);
    }
  }

  private void goOn(PrimaryCore core) {
    now += MILLI;
    step(core, new PrimaryInput.Progress(Position.running(now / MILLI), Payload.EMPTY));
    step(core, new PrimaryInput.Tick());
  }

  private void report(PrimaryCore core, BackupStage stage, long position) {
    step(
        core,
        new PrimaryInput.Received(
            new Message.BackupReport(
                2, stage, 0, 0, 0, Position.running(position), now - roundTripNanos, 0, 0)));
  }

  private boolean asked() {
    return effects.stream()
        .anyMatch(it ->
            it instanceof PrimaryEffect.Send send && send.message() instanceof Message.Protect);
  }

  private int throttle() {
    return effects.stream()
        .filter(PrimaryEffect.Throttle.class::isInstance)
        .map(PrimaryEffect.Throttle.class::cast)
        .reduce((first, second) -> second)
        .map(PrimaryEffect.Throttle::percent)
        .orElse(0);
  }

  @ParameterizedTest
  @EnumSource(OutputCommit.class)
  void outputsDoNotWaitForABackupThatHasMuchToCatchUp(OutputCommit commit) {
    PrimaryCore core = joined(commit);
    run(core, 500, LIMITS.maxLagMillis() + 20);
    assertThat(asked()).isFalse();
    assertThat(core.status().phase()).isEqualTo(PrimaryPhase.TRANSFERRING);
    assertThat(throttle()).as("so that it can").isEqualTo(75);
    run(core, 1_000, LIMITS.maxLagMillis() + 20);
    assertThat(throttle()).as("as that does not help").isEqualTo(80);
    run(core, 4_000, LIMITS.maxLagMillis() + 20);
    assertThat(throttle()).as("in the end").isEqualTo(LIMITS.maxThrottlePercent());
    run(core, 1, LIMITS.maxLagMillis());
    assertThat(asked()).isTrue();
    run(core, 10, 0);
    assertThat(core.throttlePercent()).as("of its protection").isZero();
    assertThat(core.status().phase()).isEqualTo(PrimaryPhase.ARMING);
  }

  @Test
  void aBackupThatIsALittleSlowerSlowsItsPrimaryALittle() {
    PrimaryCore core = joined(OutputCommit.MATCHED);
    run(core, 500, LIMITS.maxLagMillis() / 2);
    assertThat(throttle()).isZero();
    run(core, 500, LIMITS.maxLagMillis() * 3 / 4);
    assertThat(throttle())
        .isBetween(LIMITS.maxThrottlePercent() / 2 - 5, LIMITS.maxThrottlePercent() / 2 + 5);
  }

  @Test
  void noPrimaryIsSlowedForTheLengthOfTheLink() {
    roundTripNanos = 3 * LIMITS.maxLagNanos();
    PrimaryCore core = joined(OutputCommit.MATCHED);
    effects.clear();
    run(core, 1_000, 3 * LIMITS.maxLagMillis() + LIMITS.maxLagMillis() / 3);
    assertThat(throttle()).isZero();
    assertThat(core.status().phase()).isEqualTo(PrimaryPhase.ARMING);
  }

  /** Replicas that follow freely do not count alike. */
  @Test
  void aBackupThatSeemsToBeLevelButHasRecordsToReplayIsBehind() {
    PrimaryCore core = joined(OutputCommit.MATCHED);
    step(
        core,
        new PrimaryInput.Recorded(
            RecordKind.INPUT, Position.running(now / MILLI), Payload.of(new byte[1])));
    receives(core, 200);
    run(core, 10, 0);
    assertThat(core.lagMillis(now)).isEqualTo(210);
    assertThat(asked()).isFalse();
  }
}

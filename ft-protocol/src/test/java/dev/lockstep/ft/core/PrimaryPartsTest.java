package dev.lockstep.ft.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The small parts a primary is made of. */
class PrimaryPartsTest {
  private static final long MILLI = 1_000_000;

  private static LogRecord entry(long sequence) {
    return new LogRecord(
        sequence, RecordKind.INPUT, Position.running(sequence * 10), Payload.of(new byte[10]));
  }

  @Test
  void aWindowSendsInOrderAndAgainFromTheFirstUnacknowledged() {
    SendWindow window = new SendWindow(5);
    for (long sequence = 5; sequence < 1_005; sequence++) {
      window.add(entry(sequence));
    }
    assertThat(window.takeBatch(3, 1_000))
        .extracting(LogRecord::sequence)
        .containsExactly(5L, 6L, 7L);
    assertThat(window.takeBatch(100, 25)).extracting(LogRecord::sequence).containsExactly(8L, 9L);
    assertThat(window.takeBatch(100, 1)).as("one record always goes").hasSize(1);
    assertThat(window.acknowledge(6)).isTrue();
    assertThat(window.acknowledge(6)).isFalse();
    window.rewind();
    assertThat(window.takeBatch(1, 1_000)).extracting(LogRecord::sequence).containsExactly(7L);
    assertThat(window.size()).isEqualTo(998);
    assertThat(window.payloadBytes()).isEqualTo(9_980);
    assertThatThrownBy(() -> window.acknowledge(1_005)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> window.add(entry(2_000))).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void chunksGoOutInAWindowAndAgainWhenNothingMoves() {
    ChunkFlow flow = new ChunkFlow(2);
    flow.grow(4);
    flow.end(4);
    assertThat(List.of(flow.take(), flow.take(), flow.take())).containsExactly(0, 1, -1);
    assertThat(flow.acknowledge(1)).isTrue();
    assertThat(flow.take()).isEqualTo(2);
    flow.rewind();
    assertThat(List.of(flow.take(), flow.take(), flow.take())).containsExactly(1, 2, -1);
    flow.acknowledge(4);
    assertThat(flow.complete()).isTrue();
    assertThat(flow.take()).isEqualTo(-1);
  }

  @Test
  void chunksGoOutBeforeItIsKnownHowManyTheyAre() {
    ChunkFlow flow = new ChunkFlow(8);
    assertThat(flow.take()).isEqualTo(-1);
    assertThat(flow.isBehind()).isFalse();
    flow.grow(2);
    assertThat(List.of(flow.take(), flow.take(), flow.take())).containsExactly(0, 1, -1);
    assertThat(flow.isBehind()).isTrue();
    flow.acknowledge(2);
    assertThat(flow.isBehind()).isFalse();
    assertThat(flow.complete()).as("more may come").isFalse();
    assertThatThrownBy(() -> flow.acknowledge(3)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> flow.end(1)).isInstanceOf(IllegalStateException.class);
    flow.end(3);
    assertThat(flow.complete()).isFalse();
    assertThat(flow.take()).isEqualTo(2);
    flow.acknowledge(3);
    assertThat(flow.complete()).isTrue();
  }

  @Test
  void lagIsTheTimeSinceThePrimaryWentPast() {
    LagMeter meter = new LagMeter();
    for (int i = 1; i <= 100; i++) {
      meter.primaryAt(Position.running(i * 1_000), i * 10 * MILLI);
    }
    assertThat(meter.lagNanos(Position.running(50_000), 1_000 * MILLI)).isEqualTo(490 * MILLI);
    assertThat(meter.lagNanos(Position.running(99_500), 1_000 * MILLI)).isZero();
    assertThat(meter.lagNanos(Position.running(100_000), 5_000 * MILLI)).isZero();
  }

  @Test
  void aHaltedGuestIsLevelOnlyWhenItsTimeIs() {
    LagMeter meter = new LagMeter();
    meter.primaryAt(new Position(7, 1_000), 10 * MILLI);
    meter.primaryAt(new Position(7, 9_000), 20 * MILLI);
    assertThat(meter.lagNanos(new Position(7, 1_000), 25 * MILLI)).isEqualTo(5 * MILLI);
    assertThat(meter.lagNanos(new Position(7, 9_000), 25 * MILLI)).isZero();
  }

  @Test
  void aLongLagIsMeasuredMoreCoarselyButNeverAsNothing() {
    LagMeter meter = new LagMeter();
    for (int i = 1; i <= 100_000; i++) {
      meter.primaryAt(Position.running(i), i * MILLI);
    }
    long lag = meter.lagNanos(Position.running(50_000), 100_000 * MILLI);
    assertThat(lag).isBetween(49_000 * MILLI, 50_000 * MILLI);
  }

  @Test
  void theGuestIsSlowedByLagAndStoppedOnlyByHardBounds() {
    Timing timing = Timing.defaults();
    Limits limits = Limits.defaults();
    GuestPace pace = new GuestPace(timing, limits);
    List<PrimaryEffect> effects = new ArrayList<>();
    pace.bound(true, 0, null, 0, effects);
    long now = 0;
    for (int i = 0; i < 50; i++) {
      now += timing.heartbeatIntervalNanos();
      pace.slow(now, 2_000 * MILLI, effects);
    }
    assertThat(effects.getFirst()).isEqualTo(new PrimaryEffect.LetGuestRun(true));
    assertThat(effects.getLast())
        .isEqualTo(new PrimaryEffect.Throttle(limits.maxThrottlePercent()));
    for (int i = 0; i < 50; i++) {
      now += timing.heartbeatIntervalNanos();
      pace.slow(now, 0, effects);
    }
    assertThat(effects.getLast()).isEqualTo(new PrimaryEffect.Throttle(0));
    pace.bound(true, limits.maxHeldOutputs(), null, 0, effects);
    assertThat(effects.getLast()).isEqualTo(new PrimaryEffect.LetGuestRun(false));
    pace.bound(true, limits.maxHeldOutputs() / 2, null, 0, effects);
    assertThat(effects.getLast()).isEqualTo(new PrimaryEffect.LetGuestRun(false));
    pace.bound(true, limits.maxHeldOutputs() / 2 - 1, null, 0, effects);
    assertThat(effects.getLast()).isEqualTo(new PrimaryEffect.LetGuestRun(true));
  }

  @Test
  void anOutputLeavesWhenItsOwnRecordIsAcknowledged() {
    OutputLedger outputs = new OutputLedger(0, 0);
    outputs.produce(3);
    outputs.produce(4);
    outputs.produce(9);
    assertThat(outputs.releaseThrough(2)).isFalse();
    assertThat(outputs.releaseThrough(8)).isTrue();
    assertThat(outputs.released()).isEqualTo(2);
    assertThatThrownBy(() -> outputs.leftThrough(3)).isInstanceOf(IllegalStateException.class);
    outputs.leftThrough(2);
    assertThat(outputs.pending()).isEqualTo(1);
    assertThat(outputs.releaseAll()).isTrue();
    assertThat(outputs.released()).isEqualTo(3);
  }

  @Test
  void aPairThatIsHealedTooOftenIsDegradedForAMinute() {
    int allowed = Limits.defaults().maxHealsPerMinute();
    PrimaryHealing healing = new PrimaryHealing(Limits.defaults());
    for (int round = 1; round <= allowed; round++) {
      heal(healing, round);
    }
    assertThat(healing.isFrequent(allowed * MILLI)).isFalse();
    heal(healing, allowed + 1);
    assertThat(healing.isFrequent(allowed * MILLI)).isTrue();
    assertThat(healing.divergences()).isEqualTo(allowed + 1);
    assertThat(healing.resynchronisations()).isEqualTo(allowed + 1);
    assertThat(healing.isFrequent(60_000 * MILLI + 2 * MILLI)).isFalse();
  }

  private static void heal(PrimaryHealing healing, int round) {
    Message.Diverged diverged =
        new Message.Diverged(
            1, round, new Divergence(round, 0, "", "", "", "", ""), false, Payload.EMPTY);
    List<PrimaryEffect> effects = new ArrayList<>();
    assertThat(healing.diverged(round * MILLI, diverged, effects)).isTrue();
    assertThat(healing.diverged(round * MILLI, diverged, effects)).as("told twice").isFalse();
    healing.taken(new PrimaryInput.CheckpointTaken(1, round, 1), round, 0);
    assertThat(healing.healed(report(round, round - 1))).isFalse();
    assertThat(healing.healed(report(round, round))).isTrue();
    assertThat(healing.healed(report(round, round))).as("once").isFalse();
  }

  private static Message.BackupReport report(int divergences, int healed) {
    return new Message.BackupReport(
        1, BackupStage.FOLLOWING, 0, 0, 0, Position.START, 0, divergences, healed);
  }

  @Test
  void timingsThatCannotWorkAreRefused() {
    assertThatThrownBy(() -> new Timing(10, 1, 1, 100, 100, 100, 1, 1, 1, 1, 1, 1))
        .hasMessageContaining("leaseNanos (100) must be less than primarySilenceNanos (100)");
    assertThatThrownBy(() -> new Timing(50, 1, 1, 100, 120, 100, 1, 1, 1, 1, 1, 1))
        .hasMessageContaining("heartbeatIntervalNanos");
  }
}

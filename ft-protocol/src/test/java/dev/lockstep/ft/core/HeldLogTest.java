package dev.lockstep.ft.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which marks a backup heeds. */
class HeldLogTest {
  private final HeldLog log = new HeldLog(Canary.NONE);

  HeldLogTest() {
    log.begin(7, 0);
    log.stands(Position.running(100));
  }

  private static ProgressMark mark(long after, long count, int point) {
    return new ProgressMark(after, Position.running(count), Payload.of(new byte[] {(byte) point}));
  }

  private List<BackupEffect> receive(ProgressMark mark) {
    List<BackupEffect> effects = new ArrayList<>();
    log.receive(new Message.Records(1, List.of(), mark), effects);
    log.heedMark(effects);
    return effects;
  }

  @Test
  void oneThatPromisesWhereTheBackupStandsCountsOnce() {
    ProgressMark promise = mark(7, 100, 1);
    assertThat(receive(promise)).containsExactly(new BackupEffect.ReplayUpTo(promise));
    assertThat(receive(promise)).as("the same again").isEmpty();
    ProgressMark other = mark(7, 100, 2);
    assertThat(receive(other)).containsExactly(new BackupEffect.ReplayUpTo(other));
    assertThat(receive(mark(7, 99, 3))).as("an older one").isEmpty();
  }

  @Test
  void oneThatARecordHasOvertakenSaysNothing() {
    List<BackupEffect> effects = new ArrayList<>();
    LogRecord record = new LogRecord(8, RecordKind.INPUT, Position.running(150), Payload.EMPTY);
    log.receive(new Message.Records(1, List.of(record), null), effects);
    assertThat(receive(mark(7, 160, 1))).isEmpty();
  }

  /** The machine that was made equal has not heard of it. */
  @Test
  void whatWasToldBeforeAResynchronisationCountsAgain() {
    ProgressMark told = mark(7, 200, 1);
    assertThat(receive(told)).hasSize(1);
    log.leap(7, 0, Position.running(150));
    assertThat(receive(told)).containsExactly(new BackupEffect.ReplayUpTo(told));
  }

  /** Marks and checkpoints come on two connections: one may come late. */
  @Test
  void whatCameBesideAResynchronisationCountsIfItLiesBehindIt() {
    List<BackupEffect> effects = new ArrayList<>();
    log.receive(new Message.Records(1, List.of(), mark(7, 120, 1)), effects);
    log.leap(7, 0, Position.running(150));
    log.heedMark(effects);
    assertThat(effects).isEmpty();
    ProgressMark ahead = mark(7, 180, 2);
    log.receive(new Message.Records(1, List.of(), ahead), effects);
    log.leap(7, 0, Position.running(170));
    log.heedMark(effects);
    assertThat(effects).containsExactly(new BackupEffect.ReplayUpTo(ahead));
  }
}

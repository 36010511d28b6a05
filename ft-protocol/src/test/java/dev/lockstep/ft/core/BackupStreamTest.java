package dev.lockstep.ft.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a primary says to a backup that takes records, and in how many words. */
class BackupStreamTest {
  private static final Timing TIMING = Timing.defaults();
  private static final int BATCH = Limits.defaults().maxBatchRecords();
  private static final long NOW = 1_000_000_000;

  private final BackupPeer peer =
      new BackupPeer(
          new ReplicaInstance("b", 1), 1, NOW - TIMING.heartbeatIntervalNanos(), Limits.defaults());
  private final BackupStream stream =
      new BackupStream(
          TIMING,
          Limits.defaults(),
          new ReplicaInstance("a", 1),
          peer,
          new PrimaryHealing(Limits.defaults()),
          NOW);
  private long last;

  BackupStreamTest() {
    peer.accepted =
        new Message.JoinAccepted(
            1,
            new VmId("vm", 1),
            new ReplicaInstance("a", 1),
            peer.instance,
            0,
            0,
            0,
            OutputCommit.MATCHED);
    peer.reported = true;
    peer.stage = BackupStage.FOLLOWING;
    peer.window = new SendWindow(1);
    // The first of it is a heartbeat.
    assertThat(said(NOW, null)).isEmpty();
  }

  private void record() {
    last++;
    peer.openWindow()
        .add(
            new LogRecord(
                last, RecordKind.OUTPUT, Position.running(last * 10), Payload.of(new byte[4])));
  }

  private ProgressMark mark(long branches) {
    return new ProgressMark(last, Position.running(branches), Payload.of(new byte[] {1}));
  }

  private List<Message.Records> said(long now, @Nullable ProgressMark mark) {
    return said(now, 0, mark);
  }

  private List<Message.Records> said(long now, long unreplayed, @Nullable ProgressMark mark) {
    List<PrimaryEffect> effects = new ArrayList<>();
    stream.flush(now, PrimaryPhase.PROTECTED, 0, unreplayed, mark, effects);
    return effects.stream()
        .map(effect -> ((PrimaryEffect.Send) effect).message())
        .filter(Message.Records.class::isInstance)
        .map(Message.Records.class::cast)
        .toList();
  }

  @Test
  void aRecordAndThePromiseBehindItAreOneMessage() {
    record();
    ProgressMark mark = mark(20);
    List<Message.Records> said = said(NOW + 1, mark);
    assertThat(said).hasSize(1);
    assertThat(said.getFirst().records()).hasSize(1);
    assertThat(said.getFirst().mark()).isEqualTo(mark);
    assertThat(said(NOW + 2, mark)).as("nothing is said twice").isEmpty();
  }

  @Test
  void thePromiseIsBehindTheLastOfManyRecords() {
    for (int i = 0; i <= BATCH; i++) {
      record();
    }
    ProgressMark mark = mark(last * 10);
    List<Message.Records> said = said(NOW + 1, mark);
    assertThat(said).extracting(Message.Records::mark).containsExactly(null, mark);
    assertThat(said).extracting(it -> it.records().size()).containsExactly(BATCH, 1);
  }

  @Test
  void aPromiseThatComesAfterItsRecordsIsNotKeptWaiting() {
    record();
    assertThat(said(NOW + 1, null)).extracting(Message.Records::mark).containsOnlyNulls();
    ProgressMark mark = mark(20);
    assertThat(said(NOW + 2, mark)).extracting(Message.Records::mark).containsExactly(mark);
    ProgressMark next = mark(30);
    assertThat(said(NOW + 3, next)).as("the next one is, as nothing came").isEmpty();
    assertThat(said(NOW + 2 + TIMING.closeMarkNanos(), next))
        .extracting(Message.Records::mark)
        .containsExactly(next);
  }

  /** It has enough to do, and each message wakes a thread of it. */
  @Test
  void whatABackupIsToldThatIsBehindIsGathered() {
    record();
    assertThat(said(NOW + 1, Gathering.BEHIND_RECORDS, null)).as("it was quiet before").hasSize(1);
    record();
    ProgressMark mark = mark(20);
    assertThat(said(NOW + 2, Gathering.BEHIND_RECORDS, mark)).isEmpty();
    record();
    mark = mark(30);
    assertThat(said(NOW + 3, Gathering.BEHIND_RECORDS, mark)).isEmpty();
    long due = stream.nextSendNanos(mark);
    assertThat(due).isEqualTo(NOW + 1 + TIMING.closeMarkNanos());
    List<Message.Records> said = said(due, Gathering.BEHIND_RECORDS, mark);
    assertThat(said).hasSize(1);
    assertThat(said.getFirst().records()).hasSize(2);
    assertThat(said.getFirst().mark()).isEqualTo(mark);
    assertThat(stream.nextSendNanos(mark)).as("nothing waits").isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void whatWasGatheredIsSaidWhenTheBackupIsNoLongerBehind() {
    record();
    assertThat(said(NOW + 1, null)).hasSize(1);
    record();
    assertThat(said(NOW + 2, Gathering.BEHIND_RECORDS, null)).isEmpty();
    assertThat(said(NOW + 3, Gathering.BEHIND_RECORDS - 1, null)).hasSize(1);
  }

  @Test
  void aPromiseAloneIsSaidWhenItIsTime() {
    ProgressMark mark = mark(20);
    List<Message.Records> said = said(NOW + TIMING.closeMarkNanos(), mark);
    assertThat(said).hasSize(1);
    assertThat(said.getFirst().records()).isEmpty();
  }
}

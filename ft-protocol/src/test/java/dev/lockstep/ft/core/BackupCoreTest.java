package dev.lockstep.ft.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a backup that stands may still do for its guest. */
class BackupCoreTest {
  private static final long EPOCH = 3;
  private static final ReplicaInstance PRIMARY = new ReplicaInstance("a", 1);
  private static final ReplicaInstance BACKUP = new ReplicaInstance("b", 1);
  private static final Timing TIMING = Timing.defaults();

  private final BackupCore core = new BackupCore(BACKUP, TIMING, Following.EXACT);
  private final List<BackupEffect> effects = new ArrayList<>();
  private long now = 1_000_000_000;

  private void step(BackupInput input) {
    now += 1_000;
    effects.addAll(core.step(now, input));
  }

  private void receive(Message.ToBackup message) {
    step(new BackupInput.Received(message));
  }

  /** Joined, with an empty checkpoint, in front of its first record. */
  private void join(OutputCommit commit) {
    effects.addAll(core.begin(now));
    receive(new Message.JoinAccepted(EPOCH, new VmId("vm", 1), PRIMARY, BACKUP, 0, 0, 0, commit));
    step(new BackupInput.CheckpointApplied(EPOCH, Position.running(0)));
  }

  private void output(long sequence) {
    LogRecord record =
        new LogRecord(sequence, RecordKind.OUTPUT, Position.running(sequence * 10), Payload.EMPTY);
    receive(new Message.Records(EPOCH, List.of(record), null));
  }

  private void diverges(long sequence) {
    step(
        new BackupInput.Diverged(
            new Divergence(sequence, sequence, "bytes", "1", "2", "here", "there"), Payload.EMPTY));
  }

  private void offerThatDoesNotFit(int round) {
    receive(new Message.Resynchronise(EPOCH, round, 1, 0, 1));
    step(new BackupInput.ResynchronisationUnfit(EPOCH, round));
  }

  /** The primary's process is gone and the arbiter gives the term to this backup. */
  private void takesOver() {
    step(new BackupInput.LinkRefused());
    step(new BackupInput.DecisionKnown(new DecisionName(new VmId("vm", 1), EPOCH), BACKUP));
  }

  private List<Message> said() {
    return effects.stream()
        .filter(BackupEffect.Send.class::isInstance)
        .map(it -> (Message) ((BackupEffect.Send) it).message())
        .toList();
  }

  @Test
  void oneThatNothingHealsStandsUntilThePrimaryGoesOnWithoutIt() {
    join(OutputCommit.MATCHED);
    receive(new Message.Protect(EPOCH, 0));
    output(1);
    diverges(1);
    offerThatDoesNotFit(1);
    assertThat(said()).noneMatch(Message.BackupLeaving.class::isInstance);
    offerThatDoesNotFit(2);
    assertThat(said()).filteredOn(Message.BackupLeaving.class::isInstance).hasSize(1);
    now += TIMING.retransmitNanos();
    step(new BackupInput.Tick());
    assertThat(said()).filteredOn(Message.BackupLeaving.class::isInstance).hasSize(2);
    assertThat(core.status().phase()).isEqualTo(BackupPhase.FOLLOWING);

    receive(new Message.BackupDropped(EPOCH));
    assertThat(core.status().loss()).isEqualTo(BackupLoss.DROPPED_BY_PRIMARY);
  }

  @Test
  void oneThatNothingHealsTakesOverIfThePrimaryDiesBeforeItHasHeard() {
    join(OutputCommit.MATCHED);
    receive(new Message.Protect(EPOCH, 0));
    output(1);
    diverges(1);
    offerThatDoesNotFit(1);
    offerThatDoesNotFit(2);
    takesOver();
    assertThat(core.status().phase()).isEqualTo(BackupPhase.LIVE);
  }

  private void chunk(int index) {
    receive(new Message.CheckpointChunk(EPOCH, 0, index, Payload.of(new byte[] {(byte) index})));
  }

  private void begun() {
    effects.addAll(core.begin(now));
    receive(new Message.CheckpointBegun(EPOCH, 0, PRIMARY, BACKUP));
    assertThat(core.status().phase()).isEqualTo(BackupPhase.JOINING);
  }

  private void accepted(int chunks) {
    receive(
        new Message.JoinAccepted(
            EPOCH, new VmId("vm", 1), PRIMARY, BACKUP, 5, chunks, 0, OutputCommit.MATCHED));
  }

  private List<BackupEffect> staging() {
    return effects.stream()
        .filter(it ->
            it instanceof BackupEffect.BeginStaging
                || it instanceof BackupEffect.Stage
                || it instanceof BackupEffect.ApplyCheckpoint)
        .toList();
  }

  @Test
  void chunksAreStagedBeforeItIsKnownHowManyTheyAre() {
    begun();
    chunk(0);
    chunk(0);
    chunk(2);
    chunk(1);
    accepted(3);
    accepted(3);
    chunk(2);
    assertThat(staging())
        .containsExactly(
            new BackupEffect.BeginStaging(EPOCH, 0),
            new BackupEffect.Stage(EPOCH, 0, Payload.of(new byte[] {0})),
            new BackupEffect.Stage(EPOCH, 1, Payload.of(new byte[] {1})),
            new BackupEffect.Stage(EPOCH, 2, Payload.of(new byte[] {2})),
            new BackupEffect.ApplyCheckpoint(EPOCH, 5, 0));
    assertThat(core.receivedThrough()).isEqualTo(5);
  }

  @Test
  void theAnswerMayComeWhenEveryChunkIsThere() {
    begun();
    chunk(0);
    assertThat(staging()).noneMatch(BackupEffect.ApplyCheckpoint.class::isInstance);
    accepted(1);
    assertThat(staging()).endsWith(new BackupEffect.ApplyCheckpoint(EPOCH, 5, 0));
  }

  @Test
  void aCheckpointWithMoreChunksThanItHasIsNone() {
    begun();
    chunk(0);
    chunk(1);
    accepted(1);
    assertThat(core.status().loss()).isEqualTo(BackupLoss.CHECKPOINT_FAILED);
    assertThat(said()).anyMatch(Message.BackupLeaving.class::isInstance);
  }

  @Test
  void whatHealsIsStagedWhileItIsTaken() {
    join(OutputCommit.MATCHED);
    receive(new Message.Protect(EPOCH, 0));
    output(1);
    diverges(1);
    receive(new Message.CheckpointBegun(EPOCH, 1, PRIMARY, BACKUP));
    effects.clear();
    now += TIMING.retransmitNanos();
    step(new BackupInput.Tick());
    assertThat(said()).as("it was heard").noneMatch(Message.Diverged.class::isInstance);
    receive(new Message.CheckpointChunk(EPOCH, 1, 0, Payload.EMPTY));
    assertThat(effects).noneMatch(BackupEffect.Resynchronise.class::isInstance);
    receive(new Message.Resynchronise(EPOCH, 1, 1, 1, 1));
    assertThat(effects).contains(new BackupEffect.Resynchronise(EPOCH, 1, 1, 1));
  }

  /** In sync by what it holds, without a report since: what it holds was said before anybody waited for it. */
  @Test
  void whatLeftBeforeTheProtectionMustBeMatchedToo() {
    join(OutputCommit.RECEIVED);
    output(1);
    receive(new Message.Protect(EPOCH, 1));
    assertThat(core.status().phase()).isEqualTo(BackupPhase.FOLLOWING);
    diverges(1);
    takesOver();
    assertThat(core.status().loss()).isEqualTo(BackupLoss.DIVERGED);
  }

  @Test
  void whatThePrimarySaysHasLeftMustBeMatchedToo() {
    join(OutputCommit.MATCHED);
    receive(new Message.Protect(EPOCH, 0));
    output(1);
    diverges(1);
    receive(new Message.Heartbeat(EPOCH, now, 1));
    takesOver();
    assertThat(core.status().loss()).isEqualTo(BackupLoss.DIVERGED);
  }
}

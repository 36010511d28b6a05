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

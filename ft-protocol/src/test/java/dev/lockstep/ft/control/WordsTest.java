package dev.lockstep.ft.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.control.proto.ProtectionReason;
import dev.lockstep.ft.control.proto.ProtectionState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.core.BackupLoss;
import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.core.PrimaryStatus;
import dev.lockstep.ft.replica.ReplicaStatus;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The protocol's phases and reasons in the words that operators know. */
final class WordsTest {
  private static VmStatus status(
      ReplicaStatus.Role role,
      String phase,
      ReplicaStatus.Protection protection,
      @Nullable String reason,
      int slow) {
    VmStatus.Builder into = VmStatus.newBuilder();
    Statuses.replica(
        new ReplicaStatus(role, phase, 3, protection, reason, 0, 0, 0, 0, 0, slow, 0, 0, 0, 0),
        into);
    return into.build();
  }

  private static VmStatus primaryStatus(
      PrimaryPhase phase, @Nullable NotProtectedReason reason, int slow) {
    PrimaryStatus said = new PrimaryStatus(phase, 3, reason, 0, 0, false);
    return status(
        ReplicaStatus.Role.PRIMARY,
        phase.name(),
        ReplicaStatus.Protection.of(said, slow),
        reason == null ? null : reason.name(),
        slow);
  }

  private static VmStatus backupStatus(BackupPhase phase, @Nullable BackupLoss loss) {
    return status(
        ReplicaStatus.Role.BACKUP,
        phase.name(),
        ReplicaStatus.Protection.of(phase, false),
        loss == null ? null : loss.name(),
        0);
  }

  private static String words(VmStatus status) {
    return Words.of(status.getProtection()) + " " + Words.of(status.getReason());
  }

  private static String primary(PrimaryPhase phase, @Nullable NotProtectedReason reason, int slow) {
    return words(primaryStatus(phase, reason, slow));
  }

  @Test
  void statesAreInTheFieldsWords() {
    assertThat(primary(PrimaryPhase.STARTING, NotProtectedReason.NEED_BACKUP, 0))
        .isEqualTo("starting noBackupYet");
    assertThat(primary(PrimaryPhase.NOT_PROTECTED, NotProtectedReason.LOST_CONNECTION, 0))
        .isEqualTo("needBackup lostConnection");
    assertThat(primary(PrimaryPhase.PROTECTED, null, 0)).isEqualTo("protected ");
    assertThat(primary(PrimaryPhase.PROTECTED, null, 24)).isEqualTo("protected ");
    assertThat(primary(PrimaryPhase.PROTECTED, null, 25)).isEqualTo("degraded backupLags");
    assertThat(primary(PrimaryPhase.ARBITRATING, null, 0)).isEqualTo("degraded lostConnection");
    assertThat(primary(PrimaryPhase.FENCED, null, 0)).isEqualTo("notProtected lostArbitration");
    assertThat(primary(PrimaryPhase.NOT_PROTECTED, NotProtectedReason.USER_ACTION, 0))
        .isEqualTo("notProtected userAction");
    assertThat(primary(PrimaryPhase.RESYNCHRONISING, null, 0)).isEqualTo("protected ");
    assertThat(primary(PrimaryPhase.RESYNCHRONISING, NotProtectedReason.DIVERGENCE, 0))
        .isEqualTo("degraded divergence");
    assertThat(words(backupStatus(BackupPhase.LOST, BackupLoss.DIVERGED)))
        .isEqualTo("notProtected divergence");
    assertThat(words(backupStatus(BackupPhase.LIVE, null))).isEqualTo("needBackup primaryLost");
  }

  /** The control port and the reports of a replica say the same. */
  @Test
  void oneThatSlowsItsGuestSaysWhy() {
    PrimaryStatus said = new PrimaryStatus(PrimaryPhase.PROTECTED, 3, null, 0, 0, false);
    for (int slow : new int[] {24, 25}) {
      ReplicaStatus status =
          new ReplicaStatus(
              ReplicaStatus.Role.PRIMARY,
              said.phase().name(),
              3,
              ReplicaStatus.Protection.of(said, slow),
              null,
              0,
              0,
              0,
              0,
              0,
              slow,
              0,
              0,
              0,
              0);
      assertThat(status.protection().word()).isEqualTo(slow < 25 ? "protected" : "degraded");
      assertThat(status.reasonWord()).isEqualTo(slow < 25 ? null : "backupLags");
    }
  }

  @Test
  void noReasonOfTheProtocolIsWithoutAWord() {
    Stream.concat(
            Stream.of(NotProtectedReason.values()).map(Enum::name),
            Stream.of(BackupLoss.values()).map(Enum::name))
        .forEach(reason ->
            assertThat(
                    status(
                            ReplicaStatus.Role.PRIMARY,
                            "NOT_PROTECTED",
                            ReplicaStatus.Protection.NEED_BACKUP,
                            reason,
                            0)
                        .getReason())
                .as(reason)
                .isNotIn(
                    ProtectionReason.PROTECTION_REASON_UNSPECIFIED,
                    ProtectionReason.PROTECTION_REASON_OTHER));
  }

  @Test
  void everyPhaseHasAState() {
    for (PrimaryPhase phase : PrimaryPhase.values()) {
      assertThat(primaryStatus(phase, null, 0).getProtection())
          .isNotEqualTo(ProtectionState.PROTECTION_STATE_UNSPECIFIED);
    }
    for (BackupPhase phase : BackupPhase.values()) {
      assertThat(backupStatus(phase, null).getProtection())
          .isNotEqualTo(ProtectionState.PROTECTION_STATE_UNSPECIFIED);
    }
  }
}

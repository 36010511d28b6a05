package dev.lockstep.ft.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.control.proto.ProtectionReason;
import dev.lockstep.ft.control.proto.ProtectionState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.core.BackupLoss;
import dev.lockstep.ft.core.BackupPhase;
import dev.lockstep.ft.core.NotProtectedReason;
import dev.lockstep.ft.core.PrimaryPhase;
import dev.lockstep.ft.replica.ReplicaStatus;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The protocol's phases and reasons in the words that operators know. */
final class WordsTest {
  private static VmStatus status(
      ReplicaStatus.Role role, String phase, @Nullable String reason, int slow) {
    VmStatus.Builder into = VmStatus.newBuilder();
    Statuses.replica(
        new ReplicaStatus(
            role,
            phase,
            3,
            ReplicaStatus.Protection.PROTECTED,
            reason,
            0,
            0,
            0,
            0,
            0,
            slow,
            0,
            0,
            0,
            0),
        into);
    return into.build();
  }

  private static String primary(PrimaryPhase phase, @Nullable NotProtectedReason reason, int slow) {
    VmStatus status =
        status(
            ReplicaStatus.Role.PRIMARY, phase.name(), reason == null ? null : reason.name(), slow);
    return Words.of(status.getProtection()) + " " + Words.of(status.getReason());
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
    VmStatus lost = status(ReplicaStatus.Role.BACKUP, "LOST", BackupLoss.DIVERGED.name(), 0);
    assertThat(Words.of(lost.getProtection()) + " " + Words.of(lost.getReason()))
        .isEqualTo("notProtected divergence");
    assertThat(
            Words.of(
                status(ReplicaStatus.Role.PRIMARY, "NOT_PROTECTED", "USER_ACTION", 0)
                    .getProtection()))
        .isEqualTo("notProtected");
  }

  @Test
  void noReasonOfTheProtocolIsWithoutAWord() {
    Stream.concat(
            Stream.of(NotProtectedReason.values()).map(Enum::name),
            Stream.of(BackupLoss.values()).map(Enum::name))
        .forEach(reason ->
            assertThat(status(ReplicaStatus.Role.PRIMARY, "NOT_PROTECTED", reason, 0).getReason())
                .as(reason)
                .isNotIn(
                    ProtectionReason.PROTECTION_REASON_UNSPECIFIED,
                    ProtectionReason.PROTECTION_REASON_OTHER));
  }

  @Test
  void everyPhaseHasAState() {
    for (PrimaryPhase phase : PrimaryPhase.values()) {
      assertThat(status(ReplicaStatus.Role.PRIMARY, phase.name(), null, 0).getProtection())
          .isNotEqualTo(ProtectionState.PROTECTION_STATE_UNSPECIFIED);
    }
    for (BackupPhase phase : BackupPhase.values()) {
      assertThat(status(ReplicaStatus.Role.BACKUP, phase.name(), null, 0).getProtection())
          .isNotEqualTo(ProtectionState.PROTECTION_STATE_UNSPECIFIED);
    }
  }
}

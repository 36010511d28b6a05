package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.MachineCounters;
import dev.lockstep.ft.control.proto.ProtectionReason;
import dev.lockstep.ft.control.proto.ProtectionState;
import dev.lockstep.ft.control.proto.ReplicationStatus;
import dev.lockstep.ft.control.proto.VmEnd;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import dev.lockstep.ft.control.proto.VmStatus;
import dev.lockstep.ft.replica.ReplicaEnd;
import dev.lockstep.ft.replica.ReplicaStatus;
import dev.lockstep.vmm.machine.ExitKind;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineState;
import dev.lockstep.vmm.machine.MachineStatus;
import java.util.Locale;

/** What machines and replicas say of themselves, in the control port's words. */
public final class Statuses {
  private Statuses() {}

  /** Adds what a machine says. */
  public static void machine(MachineStatus machine, VmStatus.Builder into) {
    MachineCounters.Builder counters =
        MachineCounters.newBuilder()
            .setInstructions(machine.instructions())
            .setBranches(machine.branchCount())
            .setVirtualNanos(machine.virtualNanos())
            .setBehindNanos(machine.behindNanos())
            .setLogEntries(machine.entries())
            .setOutputBytes(machine.outputBytes())
            .setHalted(machine.halted());
    for (ExitKind kind : ExitKind.values()) {
      counters.putExits(kind.name().toLowerCase(Locale.ROOT), machine.exits().of(kind));
    }
    into.setMachine(counters).setState(state(machine.state()));
  }

  private static VmState state(MachineState state) {
    return switch (state) {
      case CREATED -> VmState.VM_STATE_STARTING;
      case RUNNING, WAITING -> VmState.VM_STATE_RUNNING;
      case PAUSED -> VmState.VM_STATE_PAUSED;
      case ENDED -> VmState.VM_STATE_ENDED;
      case FAILED -> VmState.VM_STATE_FAILED;
    };
  }

  /** A machine without replication. */
  public static void alone(VmStatus.Builder into) {
    into.setRole(VmRole.VM_ROLE_ALONE)
        .setProtection(ProtectionState.PROTECTION_STATE_NOT_PROTECTED)
        .setLive(
            into.getState() == VmState.VM_STATE_RUNNING
                || into.getState() == VmState.VM_STATE_PAUSED);
  }

  /** Adds what a replica says; what it says of itself goes over what its machine says. */
  public static void replica(ReplicaStatus replica, VmStatus.Builder into) {
    boolean primary = replica.role() == ReplicaStatus.Role.PRIMARY;
    into.setRole(primary ? VmRole.VM_ROLE_PRIMARY : VmRole.VM_ROLE_BACKUP)
        .setProtection(protection(replica.protection()))
        .setReason(reason(replica))
        .setLive(
            primary && isLive(replica.phase()) && into.getState() != VmState.VM_STATE_STARTING);
    if (into.getState() == VmState.VM_STATE_UNSPECIFIED
        || into.getState() == VmState.VM_STATE_ENDED
        || into.getState() == VmState.VM_STATE_FAILED) {
      // A replica without a machine, or about to drop one, is on its way to the next.
      into.setState(VmState.VM_STATE_STARTING);
    }
    ReplicationStatus.Builder replication = into.getReplicationBuilder();
    String reason = replica.reason();
    replication
        .setPhase(replica.phase().toLowerCase(Locale.ROOT))
        .setPhaseReason(reason == null ? "" : reason.toLowerCase(Locale.ROOT))
        .setEpoch(replica.epoch())
        .setLagMillis(replica.lagMillis())
        .setLagEntries(replica.lagRecords())
        .setHeldOutputs(replica.heldOutputs())
        .setLogEntries(replica.logRecords())
        .setLogBytes(replica.logBytes())
        .setThrottlePercent(replica.throttlePercent());
  }

  private static boolean isLive(String primaryPhase) {
    return switch (primaryPhase) {
      case "STARTING", "HANDED_OVER", "FENCED", "ENDED" -> false;
      default -> true;
    };
  }

  private static ProtectionState protection(ReplicaStatus.Protection protection) {
    return switch (protection) {
      case STARTING -> ProtectionState.PROTECTION_STATE_STARTING;
      case NOT_PROTECTED -> ProtectionState.PROTECTION_STATE_NOT_PROTECTED;
      case NEED_BACKUP -> ProtectionState.PROTECTION_STATE_NEED_BACKUP;
      case PROTECTED -> ProtectionState.PROTECTION_STATE_PROTECTED;
      case DEGRADED -> ProtectionState.PROTECTION_STATE_DEGRADED;
    };
  }

  private static ProtectionReason reason(ReplicaStatus replica) {
    String reason = replica.reason();
    if (reason == null) {
      return switch (replica.phase()) {
        case "HANDING_OVER", "HANDED_OVER" -> ProtectionReason.PROTECTION_REASON_USER_ACTION;
        case "PROTECTED", "RESYNCHRONISING" ->
            replica.isSlowed()
                ? ProtectionReason.PROTECTION_REASON_BACKUP_LAGS
                : ProtectionReason.PROTECTION_REASON_UNSPECIFIED;
        case "ARBITRATING" -> ProtectionReason.PROTECTION_REASON_LOST_CONNECTION;
        case "FENCED" -> ProtectionReason.PROTECTION_REASON_LOST_ARBITRATION;
        case "GOING_LIVE", "LIVE" -> ProtectionReason.PROTECTION_REASON_PRIMARY_LOST;
        default -> ProtectionReason.PROTECTION_REASON_UNSPECIFIED;
      };
    }
    return switch (reason) {
      case "NEED_BACKUP" -> ProtectionReason.PROTECTION_REASON_NO_BACKUP_YET;
      case "LOST_CONNECTION" -> ProtectionReason.PROTECTION_REASON_LOST_CONNECTION;
      case "BACKUP_SILENT" -> ProtectionReason.PROTECTION_REASON_BACKUP_SILENT;
      case "BACKUP_STUCK" -> ProtectionReason.PROTECTION_REASON_BACKUP_STUCK;
      case "BACKUP_LEFT", "DROPPED_BY_PRIMARY" -> ProtectionReason.PROTECTION_REASON_BACKUP_LEFT;
      case "DIVERGED", "DIVERGENCE", "PRIMARY_LOST_DIVERGED" ->
          ProtectionReason.PROTECTION_REASON_DIVERGENCE;
      case "PROTOCOL_ERROR" -> ProtectionReason.PROTECTION_REASON_PROTOCOL_ERROR;
      case "JOIN_FAILED", "CHECKPOINT_FAILED" -> ProtectionReason.PROTECTION_REASON_JOIN_FAILED;
      case "PRIMARY_LOST", "PRIMARY_LOST_WHILE_JOINING" ->
          ProtectionReason.PROTECTION_REASON_PRIMARY_LOST;
      case "HOST_FAILED" -> ProtectionReason.PROTECTION_REASON_HOST_FAILED;
      case "LOST_ARBITRATION" -> ProtectionReason.PROTECTION_REASON_LOST_ARBITRATION;
      case "STOPPED", "USER_ACTION" -> ProtectionReason.PROTECTION_REASON_USER_ACTION;
      default -> ProtectionReason.PROTECTION_REASON_OTHER;
    };
  }

  /** How a machine ended. */
  public static VmEnd end(MachineEnd end) {
    return VmEnd.newBuilder()
        .setReason(end.reason().name().toLowerCase(Locale.ROOT))
        .setDetail(end.detail())
        .setExitCode(end.exitCode())
        .build();
  }

  /** How a replica ended. */
  public static VmEnd end(ReplicaEnd end) {
    MachineEnd machine = end.machineEnd();
    return switch (end.outcome()) {
      case GUEST_ENDED ->
          machine == null ? VmEnd.newBuilder().setReason("guest_exit").build() : end(machine);
      case FENCED ->
          VmEnd.newBuilder()
              .setReason("handed_over")
              .setDetail("the other replica goes on with the guest")
              .build();
      case LEFT -> VmEnd.newBuilder().setReason("left").build();
    };
  }

  /** What made it fail. */
  public static VmEnd failure(Throwable failure) {
    VmEnd.Builder end = VmEnd.newBuilder().setReason("failed").setDetail(detail(failure));
    return failure instanceof VmmException it ? end.setAdvice(it.advice()).build() : end.build();
  }

  private static String detail(Throwable failure) {
    String message = failure.getMessage();
    return failure instanceof VmmException && message != null ? message : failure.toString();
  }
}

package dev.lockstep.ft.hosts;

import java.util.Objects;

/**
 * A VM that a process has a replica of.
 *
 * @param name the VM's name
 * @param role {@code primary} or {@code backup}
 * @param phase the role's phase in lower case, as a replica's status has it
 * @param memoryBytes the guest's memory
 */
public record HostedVm(String name, String role, String phase, long memoryBytes) {
  /** The role of the replica that runs the guest. */
  public static final String PRIMARY = "primary";

  /** The role of the replica that follows. */
  public static final String BACKUP = "backup";

  public HostedVm {
    // A table may hold anything.
    Objects.requireNonNull(name);
    Objects.requireNonNull(role);
    Objects.requireNonNull(phase);
  }
}

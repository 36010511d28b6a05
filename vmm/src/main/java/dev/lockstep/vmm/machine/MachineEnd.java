package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import org.jspecify.annotations.Nullable;

/**
 * How a run of a machine ended.
 *
 * @param exitCode what the guest gave to the debug-exit port, else 0
 * @param detail for people: which device's reset, which instruction; may be empty
 * @param at where
 * @param digest of the final state if it was asked for
 */
public record MachineEnd(
    EndReason reason, int exitCode, String detail, Moment at, @Nullable MachineDigest digest) {}

package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import java.nio.file.Path;

/**
 * A snapshot that was taken.
 *
 * @param at where the machine stood
 * @param virtualNanos virtual time there
 * @param sequence number of the log entry that marks it; what a restored machine follows comes after it
 * @param bytes of the file
 * @param stoppedNanos how long the guest stood still, host time
 */
public record SnapshotInfo(
    Path file,
    Moment at,
    long virtualNanos,
    long sequence,
    MachineDigest digest,
    long bytes,
    long stoppedNanos) {}

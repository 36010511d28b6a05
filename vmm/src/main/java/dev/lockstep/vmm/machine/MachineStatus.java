package dev.lockstep.vmm.machine;

/**
 * A machine at a glance; read at any time from any thread, each field right by itself.
 *
 * @param branchCount as of the last boundary
 * @param instructions executed since creation, as of the last boundary
 * @param virtualNanos virtual time, as of the last boundary
 * @param behindNanos how far virtual time is behind the host's clock (negative: ahead); 0 unless live
 * @param entries of the log appended (live) or applied (replica)
 * @param outputBytes produced on all streams
 * @param halted whether the guest is idle
 * @param exits of the guest since creation, as of the last boundary
 * @param beganUnixMillis when this machine's guest was about to execute its first instruction: host time, milliseconds since 1970; 0 before
 */
public record MachineStatus(
    MachineState state,
    MachineMode mode,
    long epoch,
    long branchCount,
    long instructions,
    long virtualNanos,
    long behindNanos,
    long entries,
    long outputBytes,
    boolean halted,
    ExitCounts exits,
    long beganUnixMillis) {}

package dev.lockstep.ft.core;

/**
 * What a backup that goes live hands to the primary it becomes.
 *
 * @param vm the VM
 * @param epoch the new primary's epoch
 * @param sequence the last record of the log it inherits
 * @param position where its machine stands
 * @param outputs how many outputs its machine has produced
 * @param resendAfter the released watermark: outputs numbered above it leave (again)
 * @param guestEnded the inherited log ends with the guest's end
 * @param diverged its replay had diverged from the lost primary's; all that has left was matched by it before
 * @param handedOver an operator wanted it
 */
public record Takeover(
    VmId vm,
    long epoch,
    long sequence,
    Position position,
    long outputs,
    long resendAfter,
    boolean guestEnded,
    boolean diverged,
    boolean handedOver) {}

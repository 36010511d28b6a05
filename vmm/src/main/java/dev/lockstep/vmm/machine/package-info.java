/**
 * The machine: one vCPU thread that runs the guest, dispatches its exits, applies inputs at execution points and hands
 * out what leaves. {@link dev.lockstep.vmm.machine.Machine} is all that others drive; {@link
 * dev.lockstep.vmm.machine.LogSink}, {@link dev.lockstep.vmm.machine.LogSource} and {@link
 * dev.lockstep.vmm.machine.OutputGate} are the seams by which the command line and replication connect it.
 *
 * <p>A log is followed exactly, to the instruction, or freely: that of a {@link dev.lockstep.vmm.machine.FreeLogSource} says of its entries where they lie ({@link dev.lockstep.vmm.machine.PlacedEntry}), inputs take
 * effect there or near it, and outputs are compared apart from their points. docs/quasi-lockstep.md says what that is worth.
 */
@NullMarked
package dev.lockstep.vmm.machine;

import org.jspecify.annotations.NullMarked;

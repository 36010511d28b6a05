/**
 * The machine: one vCPU thread that runs the guest, dispatches its exits, applies inputs at execution points and hands
 * out what leaves. {@link dev.lockstep.vmm.machine.Machine} is all that others drive; {@link
 * dev.lockstep.vmm.machine.LogSink}, {@link dev.lockstep.vmm.machine.LogSource} and {@link
 * dev.lockstep.vmm.machine.OutputGate} are the seams by which the command line and replication connect it.
 */
@NullMarked
package dev.lockstep.vmm.machine;

import org.jspecify.annotations.NullMarked;

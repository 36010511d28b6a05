/**
 * Debugging a replay with gdb, forwards and backwards.
 *
 * <p>From the inside out: {@link dev.lockstep.vmm.debug.TimeTravel} moves a {@link dev.lockstep.vmm.machine.ReplayCursor} to any position by checkpoints in memory and execution from there; {@code GdbStub} answers the commands
 * of gdb's remote serial protocol (GDB manual, appendix E) with it; {@code PacketLink} frames them; {@link dev.lockstep.vmm.debug.DebugServer} takes one client at a time. The client's commands are executed on the thread that
 * called the server, which is the vCPU's; another only reads from the connection, so that an interrupt is heard while the guest runs. The replay is never changed: writes are refused.
 */
@NullMarked
package dev.lockstep.vmm.debug;

import org.jspecify.annotations.NullMarked;

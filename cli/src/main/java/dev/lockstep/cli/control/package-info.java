/**
 * What the control port steers: VMs that a daemon hosts ({@link dev.lockstep.cli.control.HostedVms}), or the one VM of a command ({@link dev.lockstep.cli.control.SoleVms}). A VM is a
 * definition; each time it runs there is a {@link dev.lockstep.cli.control.VmRun}: a machine alone, or a replica. {@link dev.lockstep.cli.control.ControlPort} joins them to the servers.
 *
 * <p>Locks: what starts a VM excludes everything else that does, and is refused while another one is under way; stop, kill, pause and resume act on the run there is, at any time. A
 * run's end is told once, on a thread of its own, which also releases the run.
 */
@NullMarked
package dev.lockstep.cli.control;

import org.jspecify.annotations.NullMarked;

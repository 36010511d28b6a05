/**
 * The control port: one gRPC service ({@code control.proto}) that steers the VMs of a process, on a Unix socket that only its user can open, and on TCP by mutual TLS when asked; with health and
 * reflection, so that any gRPC client works. What is steered stands behind {@link dev.lockstep.ft.control.ControlledVms}; this package never makes a machine.
 *
 * <p>Every call runs on a virtual thread of its own and may wait. A call whose caller has gone, or whose deadline has passed, is not waited for any more; what it began goes on. The two
 * streams, console and events, are sent by threads that end with their call; a consumer that is slow loses what its bounded buffer no longer has, and is told so.
 *
 * <p>Used by the daemon and by the commands that run one VM; {@link dev.lockstep.ft.control.ControlClient} is the other side.
 */
@NullMarked
package dev.lockstep.ft.control;

import org.jspecify.annotations.NullMarked;

/**
 * The host's side of a machine's network: {@link dev.lockstep.vmm.net.host.NetworkPort} moves frames between a machine and a {@link
 * dev.lockstep.vmm.net.host.NetworkBackend}, on a thread of its own. A tap device is bridged by the operator as he likes; passt needs no rights, and ends TCP in sockets of its own
 * host, so that a connection through it does not outlive that host. A port that is not live loses what comes: only the replica that runs the guest speaks.
 */
@NullMarked
package dev.lockstep.vmm.net.host;

import org.jspecify.annotations.NullMarked;

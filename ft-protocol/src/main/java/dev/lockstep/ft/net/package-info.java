/**
 * The transport: frames over TCP by Netty. A link between two replicas is two connections, one for control (heartbeats, reports, all that is small) and one
 * for bulk (records, checkpoint chunks), so a heartbeat never waits behind bulk data in a socket. One thread reads and writes both. Sends never block; what does not fit the bound is dropped, which the
 * protocol takes for a lost message. Used by the replicas; knows no state of the protocol.
 */
@NullMarked
package dev.lockstep.ft.net;

import org.jspecify.annotations.NullMarked;

/**
 * A console stream for consumers outside: bytes by offset over TCP, so that who reconnects after a failover, to another replica, goes on where it was and sees every byte exactly once.
 *
 * <p>The protocol is one line each way and then bytes: the client says {@code console FROM}, decimal offset; the server answers {@code at OFFSET}, where OFFSET is FROM or, if the server has no bytes that
 * old, the first one it has, and then sends the stream. What the client writes afterwards is the guest's console input.
 */
@NullMarked
package dev.lockstep.ft.console;

import org.jspecify.annotations.NullMarked;

/**
 * A protocol core joined to a real machine, a transport and an arbiter: {@link dev.lockstep.ft.replica.Replica} is one process's part of a pair. One thread
 * owns the core; the vCPU's thread, I/O threads and workers hand it inputs through a bounded inbox, and it carries out the core's effects.
 */
@NullMarked
package dev.lockstep.ft.replica;

import org.jspecify.annotations.NullMarked;

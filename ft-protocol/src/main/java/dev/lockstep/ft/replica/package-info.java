/**
 * A protocol core joined to a real machine, a transport and an arbiter: {@link dev.lockstep.ft.replica.Replica} is one process's part of a pair. The core has one
 * thread at a time ({@link dev.lockstep.ft.replica.Turns}); the vCPU's thread, I/O threads and workers hand it inputs through a bounded inbox, and its effects are carried out in the same turn.
 *
 * <p>Whether a pair follows exactly or freely ({@link dev.lockstep.ft.replica.FreeRunning}) shows in three places: what the primary's sink writes, which source the backup's machine follows, and the backup's planned checkpoints.
 */
@NullMarked
package dev.lockstep.ft.replica;

import org.jspecify.annotations.NullMarked;

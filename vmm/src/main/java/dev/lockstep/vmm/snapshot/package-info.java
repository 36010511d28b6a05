/**
 * The form of a machine's whole state outside the machine: checkpoints as a stream of checksummed sections, written to a
 * file as a snapshot or sent to a backup that joins. Knows pages, blocks and opaque states; what a state means is the
 * machine's to know. Used by the machine, replication and tools.
 */
@NullMarked
package dev.lockstep.vmm.snapshot;

import org.jspecify.annotations.NullMarked;

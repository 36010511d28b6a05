/**
 * The event log: {@link dev.lockstep.vmm.log.LogEntry} with the moment at which each took effect, the codec of entries
 * and batches, and append-only segments on disk. Written by the machine's thread; replication ships the same batches;
 * replay, trace and tools read it. Knows nothing of devices or of the machine.
 */
@NullMarked
package dev.lockstep.vmm.log;

import org.jspecify.annotations.NullMarked;

/**
 * Record and replay over files: the sink that writes a log, the source that reads one, and a replay that reports. Used by the
 * command line and by tests; drives the machine by its seams only.
 */
@NullMarked
package dev.lockstep.vmm.replay;

import org.jspecify.annotations.NullMarked;

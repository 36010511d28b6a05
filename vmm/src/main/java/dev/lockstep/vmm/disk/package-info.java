/**
 * Disk images on the host: files, locks, markers, dirty blocks, overlays, and the thread that does
 * the I/O. Opened and driven by the machine and by replication.
 */
@NullMarked
package dev.lockstep.vmm.disk;

import org.jspecify.annotations.NullMarked;

/**
 * Disk images on the host: the file with its lock, the marker beside it, private overlays, dirty
 * blocks, and the thread that does the I/O. Opened, driven and closed by the machine and by
 * replication; a device sees only requests.
 */
@NullMarked
package dev.lockstep.vmm.disk;

import org.jspecify.annotations.NullMarked;

/**
 * Streams that unpack what kernels and initramfs images are packed with, and the sources they read
 * from. Each stream ends exactly where its packed data ends, so that whatever follows can be looked at;
 * packed data that ends early is an {@link java.io.EOFException}, damaged data another {@link
 * java.io.IOException}. Called by the boot loader alone; knows nothing of guests.
 */
@NullMarked
package dev.lockstep.vmm.boot.unpack;

import org.jspecify.annotations.NullMarked;

/**
 * What this host is and what this user may do on it, asked once, before a machine starts: kernel, rights to devices, limits, memory, disk ({@link dev.lockstep.kvm.preflight.Preflight}). The ready mappings of
 * JNA serve here, because nothing of it is on a path where time counts. {@code lockstep doctor} and the checks before a start call it.
 */
@NullMarked
package dev.lockstep.kvm.preflight;

import org.jspecify.annotations.NullMarked;

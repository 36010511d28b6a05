/**
 * The guest's reads of the time-stamp counter, made deterministic on an engine that cannot trap them: {@link
 * dev.lockstep.vmm.tsc.RdtscSites} finds them in a loaded kernel by decoding, {@link dev.lockstep.vmm.tsc.TscPatch} makes port reads of
 * them. The boot loader's caller hands the patch in.
 */
@NullMarked
package dev.lockstep.vmm.tsc;

import org.jspecify.annotations.NullMarked;

/** Fuzz tests of what is read from files and peers. */
@NullMarked
package dev.lockstep.vmm.snapshot;

import org.jspecify.annotations.NullMarked;

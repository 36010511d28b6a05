/** Fuzz tests of what is read from files and peers. */
@NullMarked
package dev.lockstep.vmm.disk;

import org.jspecify.annotations.NullMarked;

/** Tests of the boot loader, against images made on the spot by Linux's own packers. */
@NullMarked
package dev.lockstep.vmm.boot;

import org.jspecify.annotations.NullMarked;

/** Tests of the machine with the real software CPU and tiny guests. */
@NullMarked
package dev.lockstep.vmm.machine;

import org.jspecify.annotations.NullMarked;

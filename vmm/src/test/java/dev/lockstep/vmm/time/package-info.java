/** Tests of virtual time, by hand-turned clocks. */
@NullMarked
package dev.lockstep.vmm.time;

import org.jspecify.annotations.NullMarked;

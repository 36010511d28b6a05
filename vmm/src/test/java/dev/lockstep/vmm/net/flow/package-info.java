/** Tests of what two guests have sent, on frames made by hand. */
@NullMarked
package dev.lockstep.vmm.net.flow;

import org.jspecify.annotations.NullMarked;

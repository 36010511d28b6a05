/** Tests of the counter's reads: on small guests, and on Debian's kernel when the guest image is there. */
@NullMarked
package dev.lockstep.vmm.tsc;

import org.jspecify.annotations.NullMarked;

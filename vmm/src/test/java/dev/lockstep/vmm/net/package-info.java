/** Frames and addresses. */
@NullMarked
package dev.lockstep.vmm.net;

import org.jspecify.annotations.NullMarked;

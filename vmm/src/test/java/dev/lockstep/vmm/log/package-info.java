/** Tests of the event log. */
@NullMarked
package dev.lockstep.vmm.log;

import org.jspecify.annotations.NullMarked;

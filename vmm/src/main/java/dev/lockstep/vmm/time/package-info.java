/**
 * Virtual time: {@link dev.lockstep.vmm.time.VirtualClock} is a function of the branch count and of what the log says,
 * and the only time a guest sees; {@link dev.lockstep.vmm.time.Pacer} keeps it near the host's clock on a live machine.
 * Used by the machine; free of threads and of clocks of its own.
 */
@NullMarked
package dev.lockstep.vmm.time;

import org.jspecify.annotations.NullMarked;

/**
 * What two guests that are to be one have sent, compared by flow: what the other end of a connection is told must be the same, not how it is cut into frames or when it comes. {@link dev.lockstep.vmm.net.flow.FlowComparison}
 * compares. A guest can send anything: whatever it sends costs bounded memory, and at worst a resynchronisation. Used by the machine of a backup that follows freely; free of threads and clocks.
 */
@NullMarked
package dev.lockstep.vmm.net.flow;

import org.jspecify.annotations.NullMarked;

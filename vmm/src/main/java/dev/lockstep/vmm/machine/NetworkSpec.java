package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.net.MacAddress;

/**
 * A network interface as the guest sees it.
 *
 * @param offload whether checksums and the segmentation of TCP may be left to the other side; its frames then have {@link dev.lockstep.vmm.net.OffloadHeader}s, in the log too
 */
public record NetworkSpec(MacAddress address, boolean offload) {}

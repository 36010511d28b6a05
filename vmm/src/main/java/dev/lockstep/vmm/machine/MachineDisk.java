package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.disk.BlockStore;

/**
 * A disk of a machine. The machine closes its store.
 *
 * @param name in the configuration
 * @param store where its bytes are
 */
public record MachineDisk(String name, BlockStore store) {}

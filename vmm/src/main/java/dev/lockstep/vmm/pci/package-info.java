/**
 * PCI configuration mechanism 1, functions with their configuration space, and BARs that follow the
 * guest. Wired by the machine; virtio builds on it.
 */
@NullMarked
package dev.lockstep.vmm.pci;

import org.jspecify.annotations.NullMarked;

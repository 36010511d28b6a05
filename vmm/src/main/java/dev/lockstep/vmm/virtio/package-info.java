/**
 * virtio 1.x: the PCI transport, split virtqueues that trust nothing a guest writes, and the
 * devices. Wired by the machine; completions are input events it applies.
 */
@NullMarked
package dev.lockstep.vmm.virtio;

import org.jspecify.annotations.NullMarked;

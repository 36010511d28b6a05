/**
 * virtio 1.x (OASIS, version 1.2): the PCI transport, split virtqueues that trust nothing a guest
 * writes, and the devices. Wired by the machine, which also applies their input events (completions
 * of disk requests, entropy, console input) at execution points.
 */
@NullMarked
package dev.lockstep.vmm.virtio;

import org.jspecify.annotations.NullMarked;

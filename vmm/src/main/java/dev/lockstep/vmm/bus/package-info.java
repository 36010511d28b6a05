/**
 * Address decoding: which device answers which port and which guest-physical address without memory
 * behind it. Called by the vCPU thread for every I/O exit, and by PCI when the guest moves a BAR.
 */
@NullMarked
package dev.lockstep.vmm.bus;

import org.jspecify.annotations.NullMarked;

/**
 * What a device is ({@link dev.lockstep.vmm.device.Device}), the wires and clocks it is given, and
 * the legacy devices of the PC. A device owns no thread, clock, socket or random source and never
 * learns its address: the machine alone constructs devices, feeds them input events at execution
 * points and takes their effects. Uses the engine contract only.
 */
@NullMarked
package dev.lockstep.vmm.device;

import org.jspecify.annotations.NullMarked;

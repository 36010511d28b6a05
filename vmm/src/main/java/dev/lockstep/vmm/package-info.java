/**
 * The machine. {@code MachineLayout} alone states the memory map, ports, interrupt lines and slots;
 * the parts live in the packages below.
 */
@NullMarked
package dev.lockstep.vmm;

import org.jspecify.annotations.NullMarked;

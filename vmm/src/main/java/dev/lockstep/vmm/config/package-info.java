/**
 * The one validated configuration of a machine, {@link dev.lockstep.vmm.config.MachineConfig}, and the ways to
 * it: its builder, for command lines and control ports, and {@link dev.lockstep.vmm.config.ConfigFile}, JSON in
 * Firecracker's shape. Everything that is wrong is found before anything is started, and told together.
 */
@NullMarked
package dev.lockstep.vmm.config;

import org.jspecify.annotations.NullMarked;

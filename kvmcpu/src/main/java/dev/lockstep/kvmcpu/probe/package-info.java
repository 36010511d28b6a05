/**
 * What this host's KVM really does, found by guests of a few bytes: {@link dev.lockstep.kvmcpu.probe.HostProbes}, everything in which hosts differ, for
 * {@code lockstep doctor} and the choice of an engine, and {@link dev.lockstep.kvmcpu.probe.HostTraits}, what the engine chooses its ways by. Ways are chosen by these results, never by the name of a CPU or module.
 */
@NullMarked
package dev.lockstep.kvmcpu.probe;

import org.jspecify.annotations.NullMarked;

/**
 * What this host's KVM really does, found by guests of a few bytes: {@link dev.lockstep.kvmcpu.probe.KvmTraits}. The engine chooses its ways by these results, never by the name of a CPU or module.
 */
@NullMarked
package dev.lockstep.kvmcpu.probe;

import org.jspecify.annotations.NullMarked;

/**
 * Profiles of runs: what the vCPU executed, counted ({@link dev.lockstep.softcpu.ExecutionProfile}), what its thread was at, sampled by the JVM's Flight Recorder, and what CPU time the process's threads
 * took. {@link dev.lockstep.vmm.profile.Profiling} is the door; {@code run --profile} opens it.
 */
@NullMarked
package dev.lockstep.vmm.profile;

import org.jspecify.annotations.NullMarked;

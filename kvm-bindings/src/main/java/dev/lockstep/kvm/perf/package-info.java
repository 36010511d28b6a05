/**
 * Performance counters (perf_event_open(2)): what to count ({@link dev.lockstep.kvm.perf.PerfAttributes}), an open counter ({@link dev.lockstep.kvm.perf.PerfEvent}) whose overflow can be a signal to one
 * thread, and its shared pages ({@link dev.lockstep.kvm.perf.PerfRing}). Counting branches and arming kicks is built on it. Reading, arming and resetting make no Java object.
 */
@NullMarked
package dev.lockstep.kvm.perf;

import org.jspecify.annotations.NullMarked;

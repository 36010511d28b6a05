/** The kernel's counters as {@link dev.lockstep.counting.CounterDevice}: what to count ({@link dev.lockstep.counting.perf.CounterEvent}) and the open counters ({@link dev.lockstep.counting.perf.PerfDevice}). */
@NullMarked
package dev.lockstep.counting.perf;

import org.jspecify.annotations.NullMarked;

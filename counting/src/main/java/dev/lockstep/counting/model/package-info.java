/**
 * A PMU that is not there: {@link dev.lockstep.counting.model.ModelledPmu} puts a counter with faults of configuration and seed over any exact engine, so that seeking, naming and calibration meet on every host what PMUs and
 * kernels do. Real code runs above it: {@link dev.lockstep.counting.HardwareCounter} and everything that uses it. Deterministic: the same faults, seed and calls give the same run.
 */
@NullMarked
package dev.lockstep.counting.model;

import org.jspecify.annotations.NullMarked;

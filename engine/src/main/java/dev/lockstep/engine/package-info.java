/**
 * The contract that every engine keeps, and the words everything else is written in: {@link dev.lockstep.engine.Vcpu} executes a guest and leaves it by a sealed {@link
 * dev.lockstep.engine.VcpuExit}; {@link dev.lockstep.engine.CpuState} is all of its state, {@link dev.lockstep.engine.CpuModel} what the guest sees of it, {@link dev.lockstep.engine.GuestMemory} its
 * memory; {@link dev.lockstep.engine.ExecutionPoint} names a moment by {@link dev.lockstep.engine.BranchSemantics}. Uses nothing; everybody may use it.
 */
@NullMarked
package dev.lockstep.engine;

import org.jspecify.annotations.NullMarked;

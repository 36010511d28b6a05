/**
 * The software x86-64 CPU: a predecoded interpreter that keeps the {@link dev.lockstep.engine.Vcpu} contract and counts branches exactly. Only its vCPU class with what
 * observes it is for others, and {@link dev.lockstep.softcpu.RegisterUse}; the machine makes the vCPU, nobody else calls it.
 */
@NullMarked
package dev.lockstep.softcpu;

import org.jspecify.annotations.NullMarked;

/**
 * The software x86-64 CPU: a predecoded interpreter that keeps the {@link dev.lockstep.engine.Vcpu} contract and counts branches exactly. Only its vCPU class and factory are for others; the machine makes
 * it, nobody else calls it.
 */
@NullMarked
package dev.lockstep.softcpu;

import org.jspecify.annotations.NullMarked;

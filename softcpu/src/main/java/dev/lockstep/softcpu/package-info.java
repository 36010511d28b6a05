/**
 * The software x86-64 CPU: a predecoded interpreter, and translators of hot code into code of the host's processor and into bytecode of the JVM ({@code docs/translator.md}), that keep the {@link dev.lockstep.engine.Vcpu} contract and count branches exactly. Only its vCPU class with what
 * observes and profiles it is for others, and {@link dev.lockstep.softcpu.RegisterUse}; the machine makes the vCPU, nobody else calls it.
 */
@NullMarked
package dev.lockstep.softcpu;

import org.jspecify.annotations.NullMarked;

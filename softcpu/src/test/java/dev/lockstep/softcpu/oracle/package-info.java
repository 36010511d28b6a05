/**
 * The instruction oracle: every form of every ring-3 instruction of x86-64-v1, executed on a real CPU and on the software CPU, and compared in all that they did: registers, flags, x87 and SSE state, memory,
 * and the exception with its error code, address and RIP.
 *
 * <p>{@link dev.lockstep.softcpu.oracle.RealCpu} is what is compared with. There are two ways to this host's CPU: a small native program that takes its own signals ({@code HostOracle}, {@code oracle.c}),
 * and an engine that has a guest in ring 3 ({@link dev.lockstep.softcpu.oracle.EngineOracle}), asked by its contract. The second also proves that the state that goes into the engine and comes out of it is
 * whole. Forms, cases, corpus and tolerances are the same for both. The package is published as a test jar: the module that has an engine brings it.
 *
 * <p>Where a case cannot be asked, because the host's kernel would emulate it, a reason is printed with the number; nothing is left out silently.
 */
@NullMarked
package dev.lockstep.softcpu.oracle;

import org.jspecify.annotations.NullMarked;

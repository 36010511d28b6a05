/**
 * The numeric library of the software CPU: x87, MMX, SSE and SSE2 by integer arithmetic, and the architectural state they work on.
 *
 * <p>Nothing here knows of decoding, memory or faults: operands come in as raw bits, results leave as raw bits or in the state objects, exceptions as flags. Every result is a function of its
 * arguments alone, whatever HotSpot compiles: the hardware's own floating point is used only where IEEE 754 leaves one answer (round to nearest, inexact already sticky and masked, operands zero
 * or normal, result well inside the normal range), never on a NaN.
 *
 * <p>Called by {@code dev.lockstep.softcpu} only. {@link dev.lockstep.softcpu.fp.X87Unit} and {@link dev.lockstep.softcpu.fp.SseUnit} are the doors; {@link
 * dev.lockstep.softcpu.fp.PackedIntegers} and {@link dev.lockstep.softcpu.fp.PackedShuffles} are static. Objects belong to one vCPU and are not thread-safe; nothing allocates after construction.
 *
 * <p>Where the manuals leave a choice, or makers differ, the choice is fixed:
 *
 * <ul>
 *   <li>RCPPS and RSQRTPS: the exact value rounded to 12 fraction bits ({@link dev.lockstep.softcpu.fp.Approximations}).
 *   <li>Transcendental functions: the exact value rounded by rounding control in all but a few cases of 2^60; C1 says whether up. Trigonometric arguments are reduced by the x87's 66-bit Pi.
 *   <li>F2XM1 of |x| above 1: x itself and PE. FYL2XP1 outside its range: the formula goes on; at -1 division by zero, below invalid.
 *   <li>FYL2X of a power of two raises PE though its result may be exact.
 *   <li>FPREM and FPREM1 reduce by 32 + D mod 32 bits at a time.
 *   <li>Comparisons with an unmasked IE or DE leave the condition codes and RFLAGS (Intel; AMD sets them). FCOMI clears C1 (Intel; AMD leaves it).
 *   <li>FLD of a denormal with DE unmasked loads it; every other operation is blocked by an unmasked DE.
 *   <li>FBLD of digits above 9 counts them with their value. FFREE clears C1.
 * </ul>
 */
@NullMarked
package dev.lockstep.softcpu.fp;

import org.jspecify.annotations.NullMarked;

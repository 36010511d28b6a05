/**
 * The numeric library of the software CPU: x87, MMX, SSE and SSE2 by integer arithmetic, and the architectural state they work on.
 *
 * <p>Nothing here knows of decoding, memory or faults: operands come in as raw bits, results leave as raw bits or in the state objects, exceptions as flags. Every result is a function of its
 * arguments alone, whatever HotSpot compiles: the hardware's own floating point is used only where IEEE 754 leaves one answer (round to nearest, inexact already sticky and masked, operands zero
 * or normal, result well inside the normal range), never on a NaN.
 *
 * <p>Called by {@code dev.lockstep.softcpu} only. Objects belong to one vCPU and are not thread-safe; nothing allocates after construction.
 */
@NullMarked
package dev.lockstep.softcpu.fp;

import org.jspecify.annotations.NullMarked;

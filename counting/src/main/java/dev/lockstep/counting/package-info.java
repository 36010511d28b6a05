/**
 * Counting a guest's branches exactly, naming its moments, and coming back to them in another execution. The reasons behind the design:
 *
 * <p><b>Two halves of a counter.</b> {@link dev.lockstep.counting.CounterDevice} measures with one hardware counter and interrupts with another. The measuring one is opened once and only ever read, so no re-arming order, no
 * kernel that begins a period late, and no overflow that disables its event can lose a branch: whether a seek is exact rests on the reading alone, and the overflow only says when to look.
 *
 * <p><b>Excess.</b> A counter may count what no branch of the guest has earned, at each {@link dev.lockstep.counting.Transition}. Those that the monitor sees are told to the counter and a constant is subtracted. Those that
 * stay inside the guest cannot be: such a counter is refused by calibration, unless a companion counter measures the same.
 *
 * <p><b>A name belongs to its first boundary.</b> Conditional branches leave (count, RIP, RCX, registers) ambiguous: a loop without conditional branches may change memory alone, and a handler without branches returns to a
 * boundary of the name that it interrupted. So a point under {@code CONDITIONAL} is by definition the first boundary of its name. {@link dev.lockstep.counting.Naming} makes a recorder stop only at such boundaries, by
 * stepping over the next conditional branch; {@link dev.lockstep.counting.Seek} takes the first match, and never accepts one in a stretch that it did not watch from its beginning. Nothing is guessed, and registers need not
 * even tell all moments apart; so the digest can leave out flags in which CPUs differ.
 *
 * <p><b>Seeking.</b> {@link dev.lockstep.counting.Seek} works over {@link dev.lockstep.counting.SeekableVcpu}, a small face of an engine, so the same code runs on hardware and on the modelled PMU. Every overshoot is seen,
 * because the count at a stop is exact even where the stop was late; {@link dev.lockstep.counting.SkidPolicy} learns from it. What no margin can cure (a counter that stops, a point that is not there) has a result of its
 * own.
 */
@NullMarked
package dev.lockstep.counting;

import org.jspecify.annotations.NullMarked;

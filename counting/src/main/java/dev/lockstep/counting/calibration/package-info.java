/**
 * Whether a counter can be trusted on this host: {@link dev.lockstep.counting.calibration.Calibration} runs known code in both rings on a {@link dev.lockstep.counting.calibration.CalibrationSubject}, measures what each kind
 * of transition adds, how late overflows come and how periods behave, and gives a {@link dev.lockstep.counting.calibration.CounterProfile} or the reasons why not.
 *
 * <p>Each experiment is run with K and with 2K rounds and the two counts are subtracted, so that whatever begins and ends a run cancels out; K rounds must then add K times what they hold, the same at each repetition.
 */
@NullMarked
package dev.lockstep.counting.calibration;

import org.jspecify.annotations.NullMarked;

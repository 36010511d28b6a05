/** {@code lockstep doctor}: what this host can do for Lockstep. {@link dev.lockstep.cli.doctor.Examination} asks, {@link dev.lockstep.cli.doctor.Diagnosis} tells; called by the command alone. */
@NullMarked
package dev.lockstep.cli.doctor;

import org.jspecify.annotations.NullMarked;

/**
 * The other side of the control port, for {@code lockstep ctl}: one or more endpoints that are asked together, the VM's primary found among them, and the console followed from one to the next. Used by
 * the commands, which print.
 */
@NullMarked
package dev.lockstep.cli.ctl;

import org.jspecify.annotations.NullMarked;

/** The {@code lockstep} command: one class a sub-command, the console terminal, the demo. */
@NullMarked
package dev.lockstep.cli;

import org.jspecify.annotations.NullMarked;

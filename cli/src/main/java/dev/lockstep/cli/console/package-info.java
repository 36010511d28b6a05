/** The guest's console on this process's terminal or pipes: raw mode, the escape key, bytes both ways. Used by the sub-commands that run a machine. */
@NullMarked
package dev.lockstep.cli.console;

import org.jspecify.annotations.NullMarked;

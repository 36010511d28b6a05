/**
 * The {@code lockstep} command: one class a sub-command. Users meet errors here, as one line that says what and where, and
 * one that says what to do. Called by nobody.
 */
@NullMarked
package dev.lockstep.cli;

import org.jspecify.annotations.NullMarked;

/**
 * {@code lockstep demo}: a fault-tolerant Linux VM as two processes on this machine, whose primary is killed while the guest works, and the check that nobody outside noticed. Uses the other commands as
 * a user would, by their command lines.
 */
@NullMarked
package dev.lockstep.cli.demo;

import org.jspecify.annotations.NullMarked;

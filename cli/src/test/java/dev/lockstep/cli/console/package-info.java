/** Tests of the console. */
@NullMarked
package dev.lockstep.cli.console;

import org.jspecify.annotations.NullMarked;

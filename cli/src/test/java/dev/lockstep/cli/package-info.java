/** Tests that drive the real main class in a process of its own, with guests of a few instructions. */
@NullMarked
package dev.lockstep.cli;

import org.jspecify.annotations.NullMarked;

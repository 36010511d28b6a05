/**
 * What tests of every engine share: a guest made of a few tables and some code, and an assembler to write that code with. For tests only.
 */
@NullMarked
package dev.lockstep.engine.testkit;

import org.jspecify.annotations.NullMarked;

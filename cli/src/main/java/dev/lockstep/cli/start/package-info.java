/**
 * What makes the command start sooner: the JVM's cache of loaded classes and of what was seen of their methods (an AOT cache: JEP 483, 514, 515). The launcher names it, a rehearsal in the background makes it; whatever is
 * wrong with it, the command runs without.
 */
@NullMarked
package dev.lockstep.cli.start;

import org.jspecify.annotations.NullMarked;

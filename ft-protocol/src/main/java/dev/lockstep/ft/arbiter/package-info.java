/**
 * Who decides, once for each epoch, which of two replicas that lost each other goes on. An arbiter knows nothing of the protocol but names and values; the protocol cores know nothing of where a name is kept.
 */
@NullMarked
package dev.lockstep.ft.arbiter;

import org.jspecify.annotations.NullMarked;

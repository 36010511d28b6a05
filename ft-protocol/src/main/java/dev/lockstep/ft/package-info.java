/**
 * Replication of one virtual machine by a primary and a backup. The rooms: {@code core} decides (pure state machines), {@code wire} puts messages into
 * bytes, {@code net} moves them, {@code arbiter} settles who goes on when the two lose each other, {@code replica} joins all of it to a real machine.
 */
@NullMarked
package dev.lockstep.ft;

import org.jspecify.annotations.NullMarked;

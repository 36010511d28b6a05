/**
 * The protocol cores: {@link dev.lockstep.ft.core.PrimaryCore} and {@link dev.lockstep.ft.core.BackupCore}, state machines of the form {@code step(now,
 * input) → effects}. No I/O, no clock, no thread, no randomness: the same inputs at the same times give the same effects, so the deterministic simulation
 * drives exactly the code that runs in production. Why they are as they are, above all when outputs leave and what becomes of a backup that has diverged, is in
 * docs/quasi-lockstep.md. Replicas and the simulation call in; nothing is called from here.
 */
@NullMarked
package dev.lockstep.ft.core;

import org.jspecify.annotations.NullMarked;

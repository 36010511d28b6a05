package dev.lockstep.ft.core;

import org.jspecify.annotations.Nullable;

/**
 * A primary as its operator sees it.
 *
 * @param phase where it is
 * @param epoch its current term
 * @param reason why there is no protection; null while protected, and when fenced or ended
 */
public record PrimaryStatus(PrimaryPhase phase, long epoch, @Nullable NotProtectedReason reason) {}

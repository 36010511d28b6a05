package dev.lockstep.ft.core;

import org.jspecify.annotations.Nullable;

/**
 * A primary as its operator sees it.
 *
 * @param phase where it is
 * @param epoch its current term
 * @param reason why there is no protection, or why it is degraded; null while protected, and when fenced or ended
 * @param divergences how often a backup's replay has differed, since this replica is the primary
 * @param resynchronisations how often the two were made equal again: healed, or as planned
 * @param degraded it has differed more often lately than {@link Limits#maxHealsPerMinute} allows
 */
public record PrimaryStatus(
    PrimaryPhase phase,
    long epoch,
    @Nullable NotProtectedReason reason,
    int divergences,
    int resynchronisations,
    boolean degraded) {}

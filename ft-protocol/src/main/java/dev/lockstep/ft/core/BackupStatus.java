package dev.lockstep.ft.core;

import org.jspecify.annotations.Nullable;

/**
 * A backup as its operator sees it.
 *
 * @param phase where it is
 * @param epoch the epoch it joins or follows, 0 before one is agreed
 * @param loss why it is lost; null otherwise
 */
public record BackupStatus(BackupPhase phase, long epoch, @Nullable BackupLoss loss) {}

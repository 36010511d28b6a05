package dev.lockstep.ft.core;

/**
 * The primary's word that no record after {@code afterSequence} lies before {@code position}: a backup that holds every record up to {@code afterSequence}
 * may replay up to there. Marks are coalesced and not stored.
 *
 * @param afterSequence the last record that existed when the mark was made
 * @param position where the primary's guest had come to
 * @param point the machine's own encoding of the execution point
 */
public record ProgressMark(long afterSequence, Position position, Payload point) {}

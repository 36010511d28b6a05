package dev.lockstep.ft.core;

/**
 * How far a primary's outputs have come; numbers count from 1 over the VM's incarnation.
 *
 * @param produced by the machine
 * @param released by the protocol
 * @param left really: the released watermark
 */
public record OutputCounts(long produced, long released, long left) {}

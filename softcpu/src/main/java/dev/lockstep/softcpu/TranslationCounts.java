package dev.lockstep.softcpu;

/**
 * How much of what a vCPU executed was translated, for statistics. An entry that ended with a fault is not in the instructions.
 *
 * @param blocks decoded
 * @param regions put in place
 * @param entries into regions
 * @param instructions executed in regions
 */
public record TranslationCounts(long blocks, long regions, long entries, long instructions) {}

package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/**
 * Straight-line code decoded once: operations and a terminator. Identified by the address of its first byte within CS, where that byte lies in memory, and the mode; what its bytes are is watched by
 * {@link CodePages}, so it is thrown away before one of them changes.
 */
final class Block {
  /** Offset in CS. */
  final long rip;

  /** Offset of the first byte in the mapping of guest memory. */
  final long offset;

  /** Where an instruction that straddles two pages goes on: the second page's offset in the mapping; -1 for a block within its page. */
  final long secondPage;

  /** A {@link CodeMode}. */
  final int mode;

  /** Bytes of code. */
  final int length;

  /** Everything but the terminator. */
  final Op[] body;

  /** The last operation; sets {@code c.rip}. */
  final Terminator end;

  /** Where each operation of {@link #body}, and then the terminator, begins, relative to {@link #rip}. */
  final short[] starts;

  /** Instructions completed before each operation of {@link #body} and the terminator; the last element counts them all. */
  final short[] counts;

  /** Of one instruction that must run with {@code c.single} set. */
  final boolean alone;

  /** Made by {@link BlockCache#single}: not to be entered by a jump. */
  final boolean single;

  /** Thrown away: must not be entered again. */
  boolean dead;

  /** Next in the hash chain. */
  @Nullable Block chain;

  Block(
      long rip,
      long offset,
      long secondPage,
      int mode,
      int length,
      Op[] body,
      Terminator end,
      short[] starts,
      short[] counts,
      boolean alone,
      boolean single) {
    this.rip = rip;
    this.offset = offset;
    this.secondPage = secondPage;
    this.mode = mode;
    this.length = length;
    this.body = body;
    this.end = end;
    this.starts = starts;
    this.counts = counts;
    this.alone = alone;
    this.single = single;
  }

  /** Instructions in it. */
  int instructions() {
    return counts[counts.length - 1];
  }

  /** May be entered from another block of the same page without a look at the fetch TLB. */
  boolean linkable() {
    return !alone && !single && secondPage < 0;
  }
}

package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
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

  /** Of one instruction, for running alone whatever it is; jumps find others. */
  final boolean single;

  /** Instructions in it. */
  final int instructions;

  /** May be entered from another block of the same page without a look at the fetch TLB. */
  final boolean linkable;

  /** Stands for code before which {@link HostBreakpoints} stops; in no cache. */
  static final Block STOP =
      new Block(
          0,
          0,
          -1,
          CodeMode.LONG64,
          0,
          new Op[0],
          new Terminator.FallThrough(0),
          new short[1],
          new short[2],
          true,
          false);

  /** Thrown away: must not be entered again. */
  boolean dead;

  /** Instructions executed here so far, about; see {@link Regions}. */
  int heat;

  /** The translation that begins here. */
  Regions.@Nullable Installed region;

  /** Its translation into code of the host's processor. */
  @Nullable NativeBlock code;

  /** The translation that was asked for. */
  Translator.@Nullable Request request;

  /** What a profile counts of it, once it has been executed in one. */
  @Nullable BlockTally tally;

  /** How observers see it, once one has. */
  @Nullable ObservedCode observed;

  /** Next in the hash chain. */
  @Nullable Block chain;

  /** Next of the blocks that touch the page of {@link #offset}. */
  @Nullable Block pageChain;

  /** Next of the blocks that touch {@link #secondPage}. */
  @Nullable Block secondChain;

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
    this.instructions = counts[counts.length - 1];
    this.linkable = !alone && !single && secondPage < 0;
  }

  /** The chunks of a page of memory that its code lies on, as {@link CodePages} numbers them. */
  long chunks(long page) {
    long within = offset & GuestMemory.PAGE_SIZE - 1;
    int first = (int) Math.min(length, GuestMemory.PAGE_SIZE - within);
    if (offset >>> GuestMemory.PAGE_SHIFT == page) {
      return CodePages.mask(offset, first);
    }
    return CodePages.mask(secondPage, length - first);
  }

  /** Whether it lies in the same linear page as another block of the same code segment. */
  boolean samePage(Block other) {
    return (offset ^ other.offset) >>> GuestMemory.PAGE_SHIFT == 0
        && rip - other.rip == offset - other.offset;
  }
}

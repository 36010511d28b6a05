package dev.lockstep.softcpu;

import org.jspecify.annotations.Nullable;

/** A block as code of the host's processor. Belongs to one vCPU. */
final class NativeBlock {
  /** A direct way out of a block. The code jumps through a cell of memory, which leads back to Java until the block at its end is translated as well. */
  static final class Edge {
    final NativeBlock from;

    /** Where it leads. */
    final long rip;

    /** Offsets of the cell and of what it leads to at first. */
    final int cell;

    final int stub;

    /** It leads into another page: the code looks at the fast path for fetches. */
    final boolean crosses;

    /** The translation that the code goes to by itself; null while it leads back to Java. */
    private @Nullable NativeBlock to;

    /** Others that lead to the same one. */
    private @Nullable Edge next;

    private @Nullable Edge previous;

    Edge(NativeBlock from, long rip, int cell, int stub, boolean crosses) {
      this.from = from;
      this.rip = rip;
      this.cell = cell;
      this.stub = stub;
      this.crosses = crosses;
    }

    /** Whether it leads to a translation already. */
    boolean leadsTo(NativeBlock block) {
      return to == block;
    }

    /** It leads to a translation from now on, and nowhere else. */
    void lead(NativeBlock block) {
      release();
      to = block;
      next = block.incoming;
      if (next != null) {
        next.previous = this;
      }
      block.incoming = this;
    }

    /** It leads to no translation any more. */
    private void release() {
      NativeBlock block = to;
      if (block == null) {
        return;
      }
      if (previous != null) {
        previous.next = next;
      } else {
        block.incoming = next;
      }
      if (next != null) {
        next.previous = previous;
      }
      to = null;
      next = null;
      previous = null;
    }
  }

  /** The interpreter's block. */
  final Block block;

  /** The same with one operation for each instruction. */
  final Block plain;

  /** Its number. */
  final int index;

  /** Offset of its code. */
  int entry;

  /** For each operation of the plain body that may be left to the interpreter, the offset of the code behind it. */
  final int[] resume;

  /** The first of the edges that lead here. */
  private @Nullable Edge incoming;

  NativeBlock(Block block, Block plain, int index) {
    this.block = block;
    this.plain = plain;
    this.index = index;
    this.resume = new int[plain.body.length];
  }

  /** One of the edges that lead here, which does so no longer; null when there is none. */
  @Nullable Edge takeIncoming() {
    Edge edge = incoming;
    if (edge != null) {
      edge.release();
    }
    return edge;
  }
}

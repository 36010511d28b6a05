package dev.lockstep.softcpu;

import java.util.Arrays;

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

    Edge(NativeBlock from, long rip, int cell, int stub, boolean crosses) {
      this.from = from;
      this.rip = rip;
      this.cell = cell;
      this.stub = stub;
      this.crosses = crosses;
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

  /** Edges of others that lead here. */
  private Edge[] incoming = new Edge[2];

  private int incomingCount;

  NativeBlock(Block block, Block plain, int index) {
    this.block = block;
    this.plain = plain;
    this.index = index;
    this.resume = new int[plain.body.length];
  }

  void addIncoming(Edge edge) {
    if (incomingCount == incoming.length) {
      incoming = Arrays.copyOf(incoming, 2 * incomingCount);
    }
    incoming[incomingCount++] = edge;
  }

  /** Gives the edges that lead here, and forgets them. */
  Edge[] takeIncoming() {
    Edge[] all = Arrays.copyOf(incoming, incomingCount);
    incomingCount = 0;
    return all;
  }
}

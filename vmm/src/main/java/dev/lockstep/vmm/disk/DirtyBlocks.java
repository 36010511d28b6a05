package dev.lockstep.vmm.disk;

import java.util.BitSet;

/** Which blocks of a disk were written since they were last asked for. Any thread. */
public final class DirtyBlocks {
  /** Bytes in a block. */
  public static final int BLOCK_BYTES = 4096;

  private BitSet dirty = new BitSet();

  /** Marks every block that a stretch touches. */
  public synchronized void mark(long offset, long length) {
    if (length > 0) {
      dirty.set(block(offset), block(offset + length - 1) + 1);
    }
  }

  /** How many blocks are marked. */
  public synchronized int count() {
    return dirty.cardinality();
  }

  /** The marked blocks, and marks none any more; bit n is the block at n times the block's size. */
  public synchronized BitSet harvest() {
    BitSet harvested = dirty;
    dirty = new BitSet();
    return harvested;
  }

  private static int block(long offset) {
    return Math.toIntExact(offset / BLOCK_BYTES);
  }
}

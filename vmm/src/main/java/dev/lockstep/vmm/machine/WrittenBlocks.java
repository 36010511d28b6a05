package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.disk.DirtyBlocks;
import dev.lockstep.vmm.disk.DiskBackend;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Which blocks of its disks a machine has written since its first state: what each of its checkpoints must have in it. The vCPU's thread. */
final class WrittenBlocks {
  private final List<BitSet> blocks = new ArrayList<>();

  /** Notes that a stretch of a disk is not as it was at first. */
  void mark(int disk, long offset, int length) {
    grow(disk + 1);
    long last = (offset + length - 1) / DirtyBlocks.BLOCK_BYTES;
    blocks
        .get(disk)
        .set(Math.toIntExact(offset / DirtyBlocks.BLOCK_BYTES), Math.toIntExact(last + 1));
  }

  private void grow(int disks) {
    while (blocks.size() < disks) {
      blocks.add(new BitSet());
    }
  }

  /**
   * Waits until what was submitted is executed.
   *
   * @return the blocks of each disk, see {@link dev.lockstep.vmm.disk.DirtyBlocks}
   */
  List<BitSet> update(List<DiskBackend> disks) {
    grow(disks.size());
    for (int disk = 0; disk < disks.size(); disk++) {
      disks.get(disk).drain();
      blocks.get(disk).or(disks.get(disk).dirty().harvest());
    }
    return List.copyOf(blocks);
  }
}

package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.disk.DiskBackend;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Which blocks of its disks a machine has written since it was made: what each of its checkpoints must have in it. The vCPU's thread. */
final class WrittenBlocks {
  private final List<BitSet> blocks = new ArrayList<>();

  /**
   * Waits until what was submitted is executed.
   *
   * @return the blocks of each disk, see {@link dev.lockstep.vmm.disk.DirtyBlocks}
   */
  List<BitSet> update(List<DiskBackend> disks) {
    while (blocks.size() < disks.size()) {
      blocks.add(new BitSet());
    }
    for (int disk = 0; disk < disks.size(); disk++) {
      disks.get(disk).drain();
      blocks.get(disk).or(disks.get(disk).dirty().harvest());
    }
    return List.copyOf(blocks);
  }
}

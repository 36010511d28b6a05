package dev.lockstep.ft.replica;

import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.machine.Boundary;
import dev.lockstep.vmm.machine.PageTracker;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * What a machine has written since it was last known to be its peer's equal. It is asked at boundaries; what is known between two of them is exact at each.
 *
 * <p>A primary {@linkplain #mark marks} the boundary of a checkpoint, and {@linkplain #equalAtMark learns} later that its backup has become what that was; what it
 * has written since is kept meanwhile.
 */
final class WrittenSince {
  private final PageTracker.Watch watch;
  private final Written beforeMark;
  private Written afterMark;

  private WrittenSince(PageTracker.Watch watch, int disks) {
    this.watch = watch;
    beforeMark = Written.nothing(disks);
    afterMark = Written.nothing(disks);
  }

  /** The two are equal here. */
  static WrittenSince begin(Boundary boundary) {
    harvest(boundary);
    return new WrittenSince(boundary.pages().watch(), boundary.disks().size());
  }

  /** What was written since it was last asked; it is remembered. */
  synchronized Written collect(Boundary boundary) {
    Written fresh = new Written(boundary.pages().take(watch), harvest(boundary));
    afterMark.add(fresh);
    return fresh;
  }

  /** All that was written since they were equal, as of the last {@link #collect}. */
  synchronized Written all() {
    Written all = beforeMark.copy();
    all.add(afterMark);
    return all;
  }

  /** The peer may become what this machine is here, where it has been collected. */
  synchronized void mark() {
    beforeMark.add(afterMark);
    afterMark = Written.nothing(afterMark.blocks().size());
  }

  /** It has: they were equal at the mark. */
  synchronized void equalAtMark() {
    beforeMark.pages().clear();
    beforeMark.blocks().forEach(BitSet::clear);
  }

  /** Nobody asks any more. */
  WrittenSince end(Boundary boundary) {
    boundary.pages().unwatch(watch);
    return this;
  }

  /** What was executed of what was submitted: a block is marked before it is written. */
  private static List<BitSet> harvest(Boundary boundary) {
    List<BitSet> blocks = new ArrayList<>();
    for (DiskBackend disk : boundary.disks()) {
      disk.drain();
      blocks.add(disk.dirty().harvest());
    }
    return blocks;
  }
}

package dev.lockstep.ft.replica;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.disk.DiskMarker;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Keeps the markers beside a replica's images as its standing changes. Writes only what is news; a write is durable when it returns. */
final class DiskMarkers {
  private final String vm;
  private final List<Path> images;
  private @Nullable DiskMarker written;

  DiskMarkers(String vm, List<Path> images) {
    this.vm = vm;
    this.images = images;
  }

  /**
   * Checks that the images may be used.
   *
   * @throws dev.lockstep.engine.VmmException if one is another VM's, or stale and to be a primary's
   */
  void requireStartable(boolean force) {
    DiskMarker.Unfit unfit = force ? DiskMarker.Unfit.USE : DiskMarker.Unfit.REFUSE;
    for (Path image : images) {
      DiskMarker.requireStartable(image, vm, unfit);
    }
  }

  /**
   * Checks that the images are this VM's, or nobody's: a backup overwrites them.
   *
   * @throws VmmException if one is another VM's
   */
  void requireOwn(boolean force) {
    for (Path image : images) {
      String owner = DiskMarker.read(image).map(DiskMarker::vm).orElse(vm);
      if (!force && !owner.equals(vm)) {
        throw new VmmException(
            "disk image '%s' belongs to VM '%s', and a backup of '%s' would overwrite it"
                .formatted(image, owner, vm),
            "Give this backup an image of its own, or force its use.");
      }
    }
  }

  /** The first epoch of a new run of the VM: above all that these images have seen. */
  long nextEpoch() {
    long highest = 0;
    for (Path image : images) {
      highest = Math.max(highest, DiskMarker.read(image).map(DiskMarker::epoch).orElse(0L));
    }
    return highest + 1;
  }

  void write(DiskMarker.State state, long epoch) {
    DiskMarker next = new DiskMarker(vm, epoch, state);
    if (!next.equals(written)) {
      for (Path image : images) {
        next.write(image);
      }
      written = next;
    }
  }
}

package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.disk.DiskBackend;
import dev.lockstep.vmm.disk.RewindableDisk;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Former contents of a machine's memory and disks. Each has a table of its pages; pages that did not change are shared with the one before, so that keeping costs what was written since, and going back writes what differs.
 */
final class CursorMemory {
  /** The page that is all zeros. */
  private static final byte[] ZEROS = new byte[GuestMemory.PAGE_SIZE];

  /** What memory and disks held. Pages that are all zeros are {@link #ZEROS}. */
  static final class Content {
    private final byte[][] pages;
    private final List<RewindableDisk.Content> disks;

    private Content(byte[][] pages, List<RewindableDisk.Content> disks) {
      this.pages = pages;
      this.disks = disks;
    }

    long ownBytes(@Nullable Content before) {
      long own = 0;
      for (int i = 0; i < pages.length; i++) {
        if (pages[i] != ZEROS && (before == null || before.pages[i] != pages[i])) {
          own += GuestMemory.PAGE_SIZE;
        }
      }
      return own;
    }
  }

  private final MachineCore core;
  private final PageTracker.Watch watch;

  /** What memory held when it was last saved or restored; pages written since are in {@link #watch}. */
  private byte[][] pages;

  CursorMemory(MachineCore core) {
    this.core = core;
    this.watch = core.pages().watch();
    this.pages = tabled(empty(), core.pages().everWritten());
    core.pages().take(watch);
  }

  private byte[][] empty() {
    byte[][] table =
        new byte[Math.toIntExact(core.memory().segment().byteSize() >>> GuestMemory.PAGE_SHIFT)][];
    Arrays.fill(table, ZEROS);
    return table;
  }

  Content save() {
    BitSet written = core.pages().take(watch);
    if (!written.isEmpty()) {
      pages = tabled(pages.clone(), written);
    }
    return new Content(pages, rewindable().stream().map(RewindableDisk::content).toList());
  }

  void restore(Content content) {
    BitSet written = core.pages().take(watch);
    for (int page = 0; page < pages.length; page++) {
      byte[] wanted = content.pages[page];
      if (pages[page] != wanted || written.get(page)) {
        core.memory()
            .write(HostMemory.guestPhysical(core.memory(), page), wanted, 0, GuestMemory.PAGE_SIZE);
      }
    }
    core.pages().take(watch);
    pages = content.pages;
    List<RewindableDisk> disks = rewindable();
    for (int i = 0; i < disks.size(); i++) {
      disks.get(i).rewind(content.disks.get(i));
    }
  }

  /** Fills in what pages hold now. */
  private byte[][] tabled(byte[][] table, BitSet which) {
    MemorySegment segment = core.memory().segment();
    MemorySegment zeros = MemorySegment.ofArray(ZEROS);
    for (int page = which.nextSetBit(0); page >= 0; page = which.nextSetBit(page + 1)) {
      MemorySegment now =
          segment.asSlice((long) page << GuestMemory.PAGE_SHIFT, GuestMemory.PAGE_SIZE);
      table[page] = now.mismatch(zeros) < 0 ? ZEROS : now.toArray(GuestMemory.U8);
    }
    return table;
  }

  private List<RewindableDisk> rewindable() {
    List<RewindableDisk> disks = new ArrayList<>();
    for (DiskBackend backend : core.disks()) {
      if (backend.store() instanceof RewindableDisk it) {
        disks.add(it);
      } else if (!backend.store().readOnly()) {
        throw new IllegalStateException(
            "disk '%s' cannot be set back".formatted(backend.store().name()));
      }
    }
    return disks;
  }
}

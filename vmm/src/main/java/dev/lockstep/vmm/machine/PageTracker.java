package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import java.util.Arrays;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Which pages of guest memory were written: ever (all others are zero), and since each of several observers last asked.
 * The one place that clears {@link GuestMemory}'s dirty bits. Vcpu's thread, at boundaries.
 */
public final class PageTracker {
  /** One observer's set of pages, by page number in the mapping; handed out by {@link #watch}. */
  public static final class Watch {
    private BitSet pages = new BitSet();

    private Watch() {}
  }

  private final GuestMemory memory;
  private final Runnable collect;
  private final BitSet everWritten = new BitSet();
  private final Map<Watch, Boolean> watches = new IdentityHashMap<>();

  /**
   * Tracks this memory, whose mapping was zero when its dirty bits were.
   *
   * @param collect brings in what the engine knows of elsewhere: {@link dev.lockstep.engine.Vcpu#collectDirty}
   */
  public PageTracker(GuestMemory memory, Runnable collect) {
    this.memory = memory;
    this.collect = collect;
  }

  /** Begins to note written pages for one observer. */
  public Watch watch() {
    harvest();
    Watch watch = new Watch();
    watches.put(watch, true);
    return watch;
  }

  /** Ends what {@link #watch} began. */
  public void unwatch(Watch watch) {
    watches.remove(watch);
  }

  /** The pages written since this observer last asked, by page number in the mapping; forgets them. */
  public BitSet take(Watch watch) {
    harvest();
    BitSet taken = watch.pages;
    watch.pages = new BitSet();
    return taken;
  }

  /** Every page that may be other than zero, by page number in the mapping; a copy. */
  public BitSet everWritten() {
    harvest();
    return (BitSet) everWritten.clone();
  }

  private void harvest() {
    collect.run();
    memory.harvestDirty(offset -> {
      int page = Math.toIntExact(offset >>> GuestMemory.PAGE_SHIFT);
      everWritten.set(page);
      for (Watch watch : watches.keySet()) {
        watch.pages.set(page);
      }
    });
  }

  @Override
  public String toString() {
    return "PageTracker" + Arrays.asList(everWritten.cardinality(), watches.size());
  }
}

package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * The translations that one vCPU uses: asked for when a block has become hot, put in place when they are there, dropped when a byte of their code changes. All of it in the vCPU's thread.
 */
final class Regions implements HotCode {
  /**
   * A region in its place.
   *
   * @param head the block that it is entered by
   * @param pages where its pages lie in the mapping
   */
  record Installed(Block head, Region region, long[] pages) {}

  /** So often executed that, if it goes on like that, a translation saves more than HotSpot's work on it costs (docs/translator.md). */
  private static final int THRESHOLD = 16_000_000;

  /** Instructions that a block executes before it looks again whether its translation is there. */
  private static final int AGAIN = 200_000;

  private final Cpu c;
  private final BlockCache cache;
  private final Translation translation;
  private final @Nullable Random random;

  /** What has code on a page, by the page's number in the mapping. */
  private final Map<Long, List<Installed>> pages = new HashMap<>();

  /** The region that runs. */
  private @Nullable Region running;

  private long installed;
  private long entered;
  private long instructions;

  Regions(Cpu c, BlockCache cache, Translation translation) {
    this.c = c;
    this.cache = cache;
    this.translation = translation;
    this.random = translation.seed() == 0 ? null : new Random(translation.seed());
  }

  @Override
  public int threshold() {
    return THRESHOLD;
  }

  @Override
  public boolean run(Block block, long limit) {
    Installed placed = at(block);
    if (placed == null) {
      return false;
    }
    Region region = placed.region;
    running = region;
    entered++;
    long before = c.instructions;
    region.run(c, limit, placed.pages);
    instructions += c.instructions - before;
    return true;
  }

  @Override
  public Op stopped() {
    Region region = running;
    if (region == null) {
      throw new IllegalStateException("no region has run");
    }
    region.stop(c);
    return region.thrower(c);
  }

  @Override
  public void reached(Block next) {}

  @Override
  public TranslationCounts counts(long blocks) {
    return new TranslationCounts(blocks, installed, entered, instructions);
  }

  @Override
  public void close() {}

  /** The region that begins with a hot block, if it is there. */
  @Nullable Installed at(Block block) {
    Installed region = block.region;
    if (random != null && random.nextInt(region == null ? 4 : 2) != 0) {
      return null;
    }
    return region != null ? region : look(block);
  }

  private @Nullable Installed look(Block block) {
    if (c.host.stopping) {
      cool(block);
      return null;
    }
    Translator.Request request = block.request;
    if (request == null) {
      RegionPlanner.Choice choice = RegionPlanner.plan(c, cache, block);
      if (choice == null) {
        block.heat = NEVER;
        return null;
      }
      request =
          Translator.shared()
              .ask(choice.plan(), choice.offsets(), c.memory.segment(), translation.waits());
      block.request = request;
    }
    if (request == null || !request.isDone()) {
      cool(block);
      return null;
    }
    block.request = null;
    Region region = request.region();
    if (region == null || !region.plan.matches(c.memory.segment(), request.offsets())) {
      // Nothing to be had, or the code of another of its blocks has changed meanwhile.
      block.heat = region == null ? NEVER : 0;
      return null;
    }
    return install(block, region, request.offsets());
  }

  private void cool(Block block) {
    int hot = translation.threshold() > 0 ? translation.threshold() : THRESHOLD;
    block.heat = Math.max(0, hot - AGAIN);
  }

  private Installed install(Block block, Region region, long[] offsets) {
    for (RegionPlan.Part part : region.plan.parts()) {
      c.mmu.markCode(region.plan.offset(part, offsets), part.code().length);
    }
    Installed placed = new Installed(block, region, offsets);
    for (long offset : offsets) {
      List<Installed> there =
          pages.computeIfAbsent(offset >>> GuestMemory.PAGE_SHIFT, key -> new ArrayList<>());
      there.removeIf(old -> old.head.dead);
      there.add(placed);
    }
    block.region = placed;
    installed++;
    return placed;
  }

  /** Drops the regions there. One that runs is left at the end of its block. */
  @Override
  public void invalidate(long page, long chunks) {
    List<Installed> there = pages.get(page);
    if (there == null) {
      return;
    }
    there.removeIf(placed -> {
      boolean hit = (chunks(placed, page) & chunks) != 0;
      if (hit) {
        placed.head.region = null;
        placed.head.heat = 0;
        c.attention = true;
      }
      return hit;
    });
  }

  /** The chunks of a page of the mapping that a region has code on. */
  private static long chunks(Installed placed, long page) {
    long chunks = 0;
    for (int i = 0; i < placed.pages.length; i++) {
      if (placed.pages[i] >>> GuestMemory.PAGE_SHIFT == page) {
        chunks |= placed.region.plan.chunks(i);
      }
    }
    return chunks;
  }

  @Override
  public void clear() {
    pages.clear();
  }
}

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
final class Regions {
  /** Heat of a block that is not to be looked at again. */
  private static final int NEVER = Integer.MIN_VALUE;

  /** Instructions that a block executes before it looks again whether its translation is there. */
  private static final int AGAIN = 200_000;

  /** What lies on a page. */
  private record Installed(Block head, long chunks) {}

  private final Cpu c;
  private final RegionPlanner planner;
  private final Translation translation;
  private final @Nullable Random random;
  private final Map<Long, List<Installed>> pages = new HashMap<>();

  /** Regions put in place. */
  long installed;

  /** Entries into regions. */
  long entered;

  /** Instructions executed in regions that ended without a fault. */
  long instructions;

  Regions(Cpu c, BlockCache cache, Translation translation) {
    this.c = c;
    this.planner = new RegionPlanner(c, cache);
    this.translation = translation;
    this.random = translation.seed() == 0 ? null : new Random(translation.seed());
  }

  /** The heat from which on {@link #at} is asked for a block. */
  int threshold() {
    return translation.threshold();
  }

  /** The region that begins with a hot block, if it is there. */
  @Nullable Region at(Block block) {
    Region region = block.region;
    if (random != null && random.nextInt(region == null ? 4 : 2) != 0) {
      return null;
    }
    return region != null ? region : look(block);
  }

  private @Nullable Region look(Block block) {
    if (c.host.stopping || translation.isOff()) {
      cool(block);
      return null;
    }
    Translator.Request request = block.request;
    if (request == null) {
      RegionPlan plan = planner.plan(block);
      if (plan == null) {
        block.heat = NEVER;
        return null;
      }
      request =
          Translator.shared().ask(plan, c.memory.segment(), block.offset, translation.waits());
      block.request = request;
    }
    if (request == null || !request.isDone()) {
      cool(block);
      return null;
    }
    block.request = null;
    Region region = request.region();
    if (region == null || !region.plan.matches(c.memory.segment(), block.offset)) {
      // Nothing to be had, or the code of another of its blocks has changed meanwhile.
      block.heat = region == null ? NEVER : 0;
      return null;
    }
    install(block, region);
    return region;
  }

  private void cool(Block block) {
    block.heat = Math.max(0, translation.threshold() - AGAIN);
  }

  private void install(Block block, Region region) {
    for (RegionPlan.Part part : region.plan.parts()) {
      c.mmu.markCode(block.offset + part.rip() - block.rip, part.code().length);
    }
    long page = block.offset >>> GuestMemory.PAGE_SHIFT;
    List<Installed> there = pages.computeIfAbsent(page, key -> new ArrayList<>());
    there.removeIf(old -> old.head.dead);
    there.add(new Installed(block, region.plan.chunks(block.offset)));
    block.region = region;
    installed++;
  }

  /** Some bytes of code change: drops the regions on those chunks of a page. One that runs is left at the end of its block. */
  void invalidate(long page, long chunks) {
    List<Installed> there = pages.get(page);
    if (there == null) {
      return;
    }
    for (Installed region : there) {
      if ((region.chunks & chunks) != 0) {
        region.head.region = null;
        region.head.heat = 0;
        c.attention = true;
      }
    }
    there.removeIf(region -> (region.chunks & chunks) != 0);
  }

  /** All blocks were dropped. */
  void clear() {
    pages.clear();
  }
}

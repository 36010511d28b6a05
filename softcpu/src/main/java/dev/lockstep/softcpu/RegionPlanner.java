package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Chooses the blocks of a region: from a hot one on, along the jumps, calls and returns, what has been executed often enough. One of them plans one region. */
final class RegionPlanner {
  /** A plan, and where its pages lie in the mapping. */
  record Choice(RegionPlan plan, long[] offsets) {}

  private static final int MAX_BLOCKS = 32;
  private static final int MAX_PAGES = 6;

  /** Instructions of a region, by which HotSpot's work is bounded. */
  private static final int MAX_INSTRUCTIONS = 240;

  /** A block belongs to a region if it was executed at most so many times less often than the first. */
  private static final int RARER = 16;

  private static final long WITHIN = GuestMemory.PAGE_SIZE - 1;

  private final Cpu c;
  private final BlockCache cache;
  private final Block head;
  private final List<Block> chosen = new ArrayList<>();

  /** Offsets by linear page. */
  private final Map<Long, Long> pages = new LinkedHashMap<>();

  private int instructions;

  private RegionPlanner(Cpu c, BlockCache cache, Block head) {
    this.c = c;
    this.cache = cache;
    this.head = head;
  }

  /** The plan of a region that begins with a block; null where it cannot be translated. */
  static @Nullable Choice plan(Cpu c, BlockCache cache, Block head) {
    if (head.mode != CodeMode.LONG64 || !head.linkable || head.end.nearTargets() == null) {
      return null;
    }
    return new RegionPlanner(c, cache, head).plan();
  }

  private Choice plan() {
    take(head);
    for (int i = 0; i < chosen.size(); i++) {
      Block block = chosen.get(i);
      long[] targets = block.end.nearTargets();
      for (long target : targets == null ? new long[0] : targets) {
        consider(block, target);
      }
      long after = block.end.returnsTo();
      if (after != 0 && targets != null && isChosen(targets[0])) {
        consider(block, after);
      }
    }
    List<RegionPlan.Part> parts = new ArrayList<>();
    for (Block block : chosen) {
      byte[] code = new byte[block.length];
      MemorySegment.copy(c.memory.segment(), GuestMemory.U8, block.offset, code, 0, code.length);
      parts.add(new RegionPlan.Part(block.rip, code, block.end instanceof Terminator.FallThrough));
    }
    RegionPlan plan = new RegionPlan(c.transferIncrement, parts, List.copyOf(pages.keySet()));
    return new Choice(plan, pages.values().stream().mapToLong(x -> x).toArray());
  }

  private boolean isChosen(long rip) {
    return chosen.stream().anyMatch(block -> block.rip == rip);
  }

  private void take(Block block) {
    chosen.add(block);
    instructions += block.instructions;
    pages.putIfAbsent(block.rip & ~WITHIN, block.offset & ~WITHIN);
  }

  private void consider(Block from, long rip) {
    long page = rip & ~WITHIN;
    Long known = pages.get(page);
    if (known == null && pages.size() == MAX_PAGES
        || chosen.size() == MAX_BLOCKS
        || isChosen(rip)) {
      return;
    }
    long offset = known != null ? known + (rip & WITHIN) : c.mmu.fetched(rip);
    if (offset < 0) {
      return;
    }
    Block next = cache.find(rip, offset, CodeMode.LONG64, false);
    boolean good =
        next != null
            && next.linkable
            && next.end.nearTargets() != null
            && instructions + next.instructions <= MAX_INSTRUCTIONS
            && (long) next.heat * head.instructions * RARER >= (long) head.heat * next.instructions;
    if (next != null && good) {
      take(next);
    }
  }
}

package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Chooses the blocks of a region: from a hot one on, along the jumps within its page, what has been executed often enough. */
final class RegionPlanner {
  private static final int MAX_BLOCKS = 24;

  /** Instructions of a region, by which HotSpot's work is bounded. */
  private static final int MAX_INSTRUCTIONS = 240;

  /** A block belongs to a region if it was executed at least so many times less often than the first. */
  private static final int RARER = 16;

  private final Cpu c;
  private final BlockCache cache;

  RegionPlanner(Cpu c, BlockCache cache) {
    this.c = c;
    this.cache = cache;
  }

  /** The plan of a region that begins with a block; null where it cannot be translated. */
  @Nullable RegionPlan plan(Block head) {
    if (head.mode != CodeMode.LONG64 || !head.linkable || head.end.nearTargets() == null) {
      return null;
    }
    List<Block> chosen = new ArrayList<>();
    chosen.add(head);
    int instructions = head.instructions;
    for (int i = 0; i < chosen.size() && chosen.size() < MAX_BLOCKS; i++) {
      long[] targets = chosen.get(i).end.nearTargets();
      for (long target : targets == null ? new long[0] : targets) {
        Block next = next(head, target);
        if (next != null
            && !chosen.contains(next)
            && instructions + next.instructions <= MAX_INSTRUCTIONS) {
          chosen.add(next);
          instructions += next.instructions;
        }
      }
    }
    List<RegionPlan.Part> parts = new ArrayList<>();
    for (Block block : chosen) {
      byte[] code = new byte[block.length];
      MemorySegment.copy(c.memory.segment(), GuestMemory.U8, block.offset, code, 0, code.length);
      parts.add(new RegionPlan.Part(block.rip, code, block.end instanceof Terminator.FallThrough));
    }
    return new RegionPlan(c.transferIncrement, parts);
  }

  private @Nullable Block next(Block head, long rip) {
    long offset = head.offset + rip - head.rip;
    if ((offset ^ head.offset) >>> GuestMemory.PAGE_SHIFT != 0) {
      return null;
    }
    Block next = cache.find(rip, offset, CodeMode.LONG64, false);
    boolean good =
        next != null
            && next.linkable
            && next.end.nearTargets() != null
            && (long) next.heat * head.instructions * RARER >= (long) head.heat * next.instructions;
    return good ? next : null;
  }
}

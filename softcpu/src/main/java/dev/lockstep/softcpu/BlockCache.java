package dev.lockstep.softcpu;

import dev.lockstep.engine.GuestMemory;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * All decoded blocks: found by where they begin, dropped by what memory they were decoded from. Derived from memory alone; dropping any of it, or all, is invisible to the guest.
 */
final class BlockCache implements CodePages.Owner {
  private static final int BUCKETS = 1 << 16;
  private static final int JUMPS = 1 << 12;

  /** Instructions kept before everything is dropped. */
  private static final int MAX_INSTRUCTIONS = 4 << 20;

  private final @Nullable Block[] buckets = new Block[BUCKETS];

  /** The block entered last for each hash of a RIP: what indirect jumps and jumps across pages look at first. */
  private final @Nullable Block[] jumps = new Block[JUMPS];

  /** First block that touches each page of the mapping. */
  private final @Nullable Block[] pages;

  /** Told of translations that have to go with their blocks; null where there are none. */
  private @Nullable NativeCode translations;

  private int instructions;
  private long added;
  private long decodedInstructions;
  private long invalidated;

  BlockCache(long mappingBytes) {
    this.pages = new Block[(int) (mappingBytes >>> GuestMemory.PAGE_SHIFT) + 1];
  }

  private static int bucket(long rip, long offset) {
    long hash = (rip ^ offset << 20) * 0x9e3779b97f4a7c15L;
    return (int) (hash >>> 48);
  }

  private static int jump(long rip) {
    return (int) (rip ^ rip >>> 12) & JUMPS - 1;
  }

  /** The block that a jump to there entered last, if it is still the right one. */
  @Nullable Block jumped(long rip, long offset, int mode) {
    Block block = jumps[jump(rip)];
    return block != null
            && block.rip == rip
            && block.offset == offset
            && block.mode == mode
            && !block.dead
        ? block
        : null;
  }

  /** Remembers the block for {@link #jumped}; not one that straddles pages. */
  void rememberJump(Block block) {
    jumps[jump(block.rip)] = block;
  }

  /** The block that begins there, or null. */
  @Nullable Block find(long rip, long offset, int mode, boolean single) {
    Block block = buckets[bucket(rip, offset)];
    while (block != null) {
      if (block.rip == rip
          && block.offset == offset
          && block.mode == mode
          && block.single == single) {
        return block;
      }
      block = block.chain;
    }
    return null;
  }

  /** Blocks added so far. */
  long added() {
    return added;
  }

  /** Instructions of all blocks added so far. */
  long decodedInstructions() {
    return decodedInstructions;
  }

  /** Blocks dropped because bytes of theirs changed. */
  long invalidated() {
    return invalidated;
  }

  /** Adds a block that {@link #find} does not find. Its code must be marked in {@link CodePages}. */
  void add(Block block) {
    if (instructions > MAX_INSTRUCTIONS) {
      clear();
    }
    instructions += block.instructions;
    added++;
    decodedInstructions += block.instructions;
    int bucket = bucket(block.rip, block.offset);
    block.chain = buckets[bucket];
    buckets[bucket] = block;
    int page = (int) (block.offset >>> GuestMemory.PAGE_SHIFT);
    block.pageChain = pages[page];
    pages[page] = block;
    if (block.secondPage >= 0) {
      int second = (int) (block.secondPage >>> GuestMemory.PAGE_SHIFT);
      if (second != page) {
        block.secondChain = pages[second];
        pages[second] = block;
      }
    }
  }

  /** Drops one block. */
  void remove(Block block) {
    if (block.dead) {
      return;
    }
    block.dead = true;
    NativeBlock code = block.code;
    if (code != null && translations != null) {
      translations.drop(code);
    }
    instructions -= block.instructions;
    unhash(block);
    unlist(block, block.offset >>> GuestMemory.PAGE_SHIFT);
    if (block.secondPage >= 0) {
      unlist(block, block.secondPage >>> GuestMemory.PAGE_SHIFT);
    }
  }

  @Override
  public void invalidate(long page, long chunks) {
    Block block = pages[(int) page];
    while (block != null) {
      Block next = next(block, page);
      if ((block.chunks(page) & chunks) != 0) {
        remove(block);
        invalidated++;
      }
      block = next;
    }
  }

  /** Has translations go with their blocks from now on. */
  void setTranslations(NativeCode code) {
    translations = code;
  }

  /** Drops everything. */
  void clear() {
    if (translations != null) {
      translations.clear();
    }
    for (int i = 0; i < BUCKETS; i++) {
      for (Block block = buckets[i]; block != null; block = block.chain) {
        block.dead = true;
      }
      buckets[i] = null;
    }
    Arrays.fill(jumps, null);
    Arrays.fill(pages, null);
    instructions = 0;
  }

  private static @Nullable Block next(Block block, long page) {
    return block.offset >>> GuestMemory.PAGE_SHIFT == page ? block.pageChain : block.secondChain;
  }

  private void unhash(Block block) {
    int bucket = bucket(block.rip, block.offset);
    Block at = buckets[bucket];
    if (at == block) {
      buckets[bucket] = block.chain;
      return;
    }
    while (at != null) {
      Block after = at.chain;
      if (after == block) {
        at.chain = block.chain;
        return;
      }
      at = after;
    }
  }

  private void unlist(Block block, long page) {
    Block at = pages[(int) page];
    Block after = next(block, page);
    if (at == block) {
      pages[(int) page] = after;
      return;
    }
    while (at != null) {
      Block following = next(at, page);
      if (following == block) {
        if (at.offset >>> GuestMemory.PAGE_SHIFT == page) {
          at.pageChain = after;
        } else {
          at.secondChain = after;
        }
        return;
      }
      at = following;
    }
  }
}

package dev.lockstep.softcpu;

import java.util.List;

/**
 * What a vCPU has executed, counted exactly: {@code instructions} is the sum of what blocks, {@code beyond}, {@code alone} and {@code translated} say.
 *
 * @param blocks by the instructions executed, most first; blocks that were decoded for an instruction alone, or not executed, are not among them
 * @param beyond instructions executed in blocks beyond {@link ExecutionTally#MAX_PLACES}
 * @param alone instructions executed one at a time: those that must, and those after which something had to be looked at
 * @param translated instructions executed in regions
 * @param instructions executed in all
 * @param counts of blocks decoded, of regions and entries into them
 * @param decodedInstructions in all blocks that were decoded
 * @param invalidatedBlocks dropped because bytes of theirs changed
 * @param dataWalks walks of the page tables for loads and stores; each fills an entry of the TLB or ends in a page fault
 * @param fetchWalks the same for fetches
 * @param flushes how often the guest had translations of addresses forgotten: loads of CR3, INVLPG
 * @param exceptions delivered that an instruction raised, by vector, 0..31
 */
public record ExecutionProfile(
    List<BlockCount> blocks,
    long beyond,
    long alone,
    long translated,
    long instructions,
    TranslationCounts counts,
    long decodedInstructions,
    long invalidatedBlocks,
    long dataWalks,
    long fetchWalks,
    long flushes,
    List<Long> exceptions) {

  /**
   * The code that begins at one place.
   *
   * @param rip offset in CS of its first instruction
   * @param offset where that lies in the mapping of memory
   * @param instructions in the block, as decoded last
   * @param decoded how often it was decoded: more than once if its bytes changed or blocks had to be dropped
   * @param runs whole executions
   * @param executed instructions; each iteration of a repeated one counts
   */
  public record BlockCount(
      long rip, long offset, int instructions, long decoded, long runs, long executed) {}

  public ExecutionProfile {
    blocks = List.copyOf(blocks);
    exceptions = List.copyOf(exceptions);
  }

  /** Instructions that the hottest blocks have executed, so many of them at most. */
  public long hottest(int number) {
    return blocks.stream().limit(number).mapToLong(BlockCount::executed).sum();
  }

  /** Blocks that were executed fewer times than that. */
  public List<BlockCount> colderThan(long runs) {
    return blocks.stream().filter(block -> block.runs() < runs).toList();
  }
}

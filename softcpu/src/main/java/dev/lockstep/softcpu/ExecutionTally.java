package dev.lockstep.softcpu;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Counts what a vCPU executes, block by block: given to {@link SoftVcpu#create}. Filled by the vCPU's thread; to be read when that does not run. Holds the counts of one vCPU, the one that was made with
 * it last.
 */
public final class ExecutionTally {
  /** Places that are told apart; what is executed at others is counted together. */
  public static final int MAX_PLACES = 1 << 20;

  private static final int VECTORS = 32;

  private final Map<BlockTally.Place, BlockTally> places = new HashMap<>();
  private final BlockTally beyond = new BlockTally(new BlockTally.Place(0, 0, 0));
  private final long[] exceptions = new long[VECTORS];

  long alone;
  long translated;

  private @Nullable ProfiledInterpreter counted;

  /** A vCPU begins to count here. */
  void begin(ProfiledInterpreter interpreter) {
    counted = interpreter;
    places.clear();
    beyond.executed = 0;
    Arrays.fill(exceptions, 0);
    alone = 0;
    translated = 0;
  }

  /** The tally of a block that has none yet. */
  BlockTally of(Block block) {
    BlockTally.Place place = new BlockTally.Place(block.rip, block.offset, block.mode);
    BlockTally tally = places.get(place);
    if (tally == null) {
      if (places.size() >= MAX_PLACES) {
        return beyond;
      }
      tally = new BlockTally(place);
      places.put(place, tally);
    }
    tally.instructions = block.instructions;
    tally.decoded++;
    return tally;
  }

  void raised(int vector) {
    exceptions[vector]++;
  }

  /**
   * What was counted so far.
   *
   * @throws IllegalStateException if no vCPU was made with it
   */
  public ExecutionProfile profile() {
    ProfiledInterpreter interpreter = counted;
    if (interpreter == null) {
      throw new IllegalStateException("no vCPU counts here");
    }
    List<ExecutionProfile.BlockCount> blocks =
        places.values().stream()
            .map(tally ->
                new ExecutionProfile.BlockCount(
                    tally.place.rip(),
                    tally.place.offset(),
                    tally.instructions,
                    tally.decoded,
                    tally.runs,
                    tally.executed))
            .sorted(
                Comparator.comparingLong(ExecutionProfile.BlockCount::executed)
                    .reversed()
                    .thenComparingLong(ExecutionProfile.BlockCount::rip))
            .toList();
    return interpreter.profile(blocks, beyond.executed, LongStream.of(exceptions).boxed().toList());
  }
}

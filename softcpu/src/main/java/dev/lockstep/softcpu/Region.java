package dev.lockstep.softcpu;

/**
 * Hot code as bytecode of the JVM: several blocks of a few pages with the jumps between them. Belongs to no machine: it holds for 64-bit code at the same RIP while the bytes that it was made of lie
 * there.
 *
 * <p>From page to page it goes only where the fetch would have no effect: where the fast path has the page, at the offset that it was put in place for.
 */
final class Region {
  /** What {@link RegionCompiler} makes a class of. */
  abstract static class Code {
    /**
     * Executes from the first block on. Leaves registers, flags, counts and RIP as the interpreter would at the beginning of some block: one outside the region, or any one where {@code c.branchCount}
     * has reached the limit, or something asks for attention or a stop. What an instruction raises passes through, with registers, flags and counts as before that instruction's block or instruction:
     * see {@link Region#stop}.
     *
     * @param pages where the pages of the plan lie in the mapping
     */
    abstract void run(Cpu c, long limit, long[] pages);
  }

  /** Runs before a region may loop as long as it wants: what makes HotSpot compile the method as a whole before it compiles the loop alone. */
  private static final int SHORT_RUNS = 3000;

  /** Branches of a short run. */
  private static final long SHORT_RUN_BRANCHES = 32;

  final RegionPlan plan;
  private final Code code;

  /** For each instruction: its address, instructions of its block before it, its operation. */
  private final long[] rips;

  private final short[] done;
  private final Op[] ops;

  /** Runs so far, about: other vCPUs count here too. */
  private int runs;

  Region(RegionPlan plan, Code code, long[] rips, short[] done, Op[] ops) {
    this.plan = plan;
    this.code = code;
    this.rips = rips;
    this.done = done;
    this.ops = ops;
  }

  /** See {@link Code#run}. */
  void run(Cpu c, long limit, long[] pages) {
    long until = limit;
    if (runs < SHORT_RUNS) {
      runs++;
      // Where the count is far from the limit: the sum cannot overflow.
      if (limit - c.branchCount > SHORT_RUN_BRANCHES) {
        until = c.branchCount + SHORT_RUN_BRANCHES;
      }
    }
    code.run(c, until, pages);
  }

  /** After a throw out of {@link #run}: sets RIP to the instruction that threw, and counts those of its block before it. */
  void stop(Cpu c) {
    int at = c.regionAt;
    c.rip = rips[at];
    c.instructions += done[at];
  }

  /** The operation that threw. */
  Op thrower(Cpu c) {
    return ops[c.regionAt];
  }
}

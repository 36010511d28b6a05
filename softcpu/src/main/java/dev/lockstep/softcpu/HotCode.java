package dev.lockstep.softcpu;

/**
 * Translations of hot code, of one vCPU and in its thread. Whether, when and into what code is translated changes nothing that the guest, a log or a count can show.
 */
interface HotCode {
  /** Heat of a block that is not to be looked at again. */
  int NEVER = Integer.MIN_VALUE;

  /** Instructions executed of one block after which it is hot, where nobody says otherwise. */
  int threshold();

  /**
   * Executes a hot block and what follows it, if it is translated. RIP, registers, flags and counts are exact afterwards, at the beginning of a block: one that is not translated, or any one where the
   * count has reached the limit, or something asks for attention or a stop. What an instruction raises passes through: see {@link #stopped}.
   *
   * @return false where it is not translated, or not yet: nothing was executed
   */
  boolean run(Block block, long limit);

  /** After a throw out of {@link #run}: sets RIP and the counts to the instruction that threw, and gives its operation. */
  Op stopped();

  /** The block that follows after {@link #run} was looked up, and is this one. */
  void reached(Block next);

  /** Bytes of code on some chunks of a page of the mapping change. */
  void invalidate(long page, long chunks);

  /** All blocks were dropped. */
  void clear();

  /** What there is so far, of so many decoded blocks. */
  TranslationCounts counts(long blocks);

  /** Nothing runs any more. */
  void close();

  /** Nothing is ever translated. */
  HotCode NONE =
      new HotCode() {
        @Override
        public int threshold() {
          return Integer.MAX_VALUE;
        }

        @Override
        public boolean run(Block block, long limit) {
          return false;
        }

        @Override
        public Op stopped() {
          throw new IllegalStateException("nothing was run");
        }

        @Override
        public void reached(Block next) {}

        @Override
        public void invalidate(long page, long chunks) {}

        @Override
        public void clear() {}

        @Override
        public TranslationCounts counts(long blocks) {
          return new TranslationCounts(blocks, 0, 0, 0);
        }

        @Override
        public void close() {}
      };
}

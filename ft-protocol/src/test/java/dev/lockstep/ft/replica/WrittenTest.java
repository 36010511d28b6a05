package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.ft.core.Payload;
import java.io.IOException;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Sets of pages and blocks on their way to the other replica. */
class WrittenTest {
  private static final int PAGES = 1 << 14;
  private static final List<Long> BLOCKS = List.of(1L << 10, 1L << 20);

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  @Test
  void whatIsToldIsWhatIsHeard() throws IOException {
    System.out.println("WrittenTest seed " + seed);
    for (int i = 0; i < 200; i++) {
      Written told = random(1 + random.nextInt(300));
      assertThat(Written.read(told.encode(), PAGES, BLOCKS)).as("seed %d", seed).isEqualTo(told);
    }
    assertThat(Written.read(Written.nothing(2).encode(), PAGES, BLOCKS))
        .isEqualTo(Written.nothing(2));
  }

  /** Every other block of a terabyte: half a gigabyte of runs, if all were told. */
  @Test
  void aSetThatIsTooLongIsToldMoreCoarsely() throws IOException {
    int blocks = 1 << 26;
    Written told = Written.nothing(1);
    for (int block = 0; block < blocks; block += 2 + random.nextInt(8)) {
      told.blocks().getFirst().set(block);
    }
    Payload packed = told.encode();
    assertThat(packed.length()).isLessThan(1 << 20);
    BitSet heard = Written.read(packed, PAGES, List.of((long) blocks)).blocks().getFirst();
    BitSet missing = (BitSet) told.blocks().getFirst().clone();
    missing.andNot(heard);
    assertThat(missing.cardinality()).as("blocks left out, seed %d", seed).isZero();
    assertThat(heard.length()).isLessThanOrEqualTo(blocks);
  }

  @Test
  void whatIsBeyondTheMachineIsLeftOut() throws IOException {
    Written told = Written.nothing(1);
    told.pages().set(5, 100);
    told.blocks().getFirst().set(Integer.MAX_VALUE - 10);
    Written heard = Written.read(told.encode(), 50, List.of(8L));
    assertThat(heard.pages().cardinality()).isEqualTo(45);
    assertThat(heard.blocks().getFirst().isEmpty()).isTrue();
  }

  @Test
  void aDamagedSetIsRefusedAndNothingElseHappens() {
    for (int i = 0; i < 5_000; i++) {
      byte[] bytes = random(1 + random.nextInt(40)).encode().bytes().clone();
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      try {
        Written heard = Written.read(Payload.of(bytes), PAGES, BLOCKS);
        assertThat(heard.pages().length()).as("seed %d", seed).isLessThanOrEqualTo(PAGES);
      } catch (IOException refused) {
        // That is the one thing that may happen to it.
      }
    }
  }

  private Written random(int runs) {
    Written set = Written.nothing(2);
    for (int i = 0; i < runs; i++) {
      run(set.pages(), PAGES);
      run(set.blocks().get(random.nextInt(2)), 1 << 10);
    }
    return set;
  }

  private void run(BitSet set, int limit) {
    int from = random.nextInt(limit);
    set.set(from, Math.min(limit, from + 1 + random.nextInt(20)));
  }
}

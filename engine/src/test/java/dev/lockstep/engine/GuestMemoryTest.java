package dev.lockstep.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The dirty bitmap of a guest's memory. */
final class GuestMemoryTest {
  private static final int PAGE = GuestMemory.PAGE_SIZE;
  private static final int PAGES = 1000;

  @ParameterizedTest(name = "a region that begins at page {0} of the mapping")
  @ValueSource(ints = {0, 1, 63, 64, 65, 128, 300, 490})
  void aBitmapMarksTheSamePagesAsOneAfterTheOther(int first) {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.println("GuestMemoryTest: seed " + seed);
    Random random = new Random(seed);
    int pages = PAGES - first;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mapping = arena.allocate((long) PAGES * PAGE, PAGE);
      GuestMemory memory =
          new GuestMemory(
              mapping,
              List.of(new GuestMemory.Region(0, (long) pages * PAGE, (long) first * PAGE)));
      MemorySegment bitmap = arena.allocate((pages + 63L) / 64 * 8, 8);
      TreeSet<Long> expected = new TreeSet<>();
      for (int i = 0; i < 200; i++) {
        // The first and the last are among them.
        int page = i == 0 ? 0 : i == 1 ? pages - 1 : random.nextInt(pages);
        long at = page / 64 * 8L;
        bitmap.set(
            ValueLayout.JAVA_LONG, at, bitmap.get(ValueLayout.JAVA_LONG, at) | 1L << page % 64);
        expected.add((first + (long) page) * PAGE);
      }
      long before = random.nextInt(PAGES) * (long) PAGE;
      memory.markDirty(before);
      expected.add(before);
      memory.markDirty((long) first * PAGE, bitmap);
      List<Long> harvested = new ArrayList<>();
      memory.harvestDirty(harvested::add);
      assertThat(harvested).as("seed %d", seed).containsExactlyElementsOf(expected);
    }
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.GuestMemory;
import java.lang.foreign.Arena;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class PageTrackerTest {
  @Test
  void everyObserverSeesEachWriteOnce() {
    try (Arena arena = Arena.ofConfined()) {
      GuestMemory memory =
          new GuestMemory(
              arena.allocate(1 << 20, 4096), List.of(new GuestMemory.Region(0, 1 << 20, 0)));
      PageTracker pages = new PageTracker(memory, () -> {});
      memory.write8(0x1000, 1);
      PageTracker.Watch first = pages.watch();
      memory.write8(0x2000, 1);
      PageTracker.Watch second = pages.watch();
      memory.write32(0x3ffe, 1);
      assertThat(pages.take(first)).isEqualTo(bits(2, 3, 4));
      assertThat(pages.take(second)).isEqualTo(bits(3, 4));
      assertThat(pages.take(first)).isEqualTo(bits());
      assertThat(pages.everWritten()).isEqualTo(bits(1, 2, 3, 4));
      pages.unwatch(first);
      memory.write8(0x5000, 1);
      assertThat(pages.take(first)).isEqualTo(bits());
      assertThat(pages.take(second)).isEqualTo(bits(5));
    }
  }

  private static BitSet bits(int... pages) {
    BitSet set = new BitSet();
    for (int page : pages) {
      set.set(page);
    }
    return set;
  }
}

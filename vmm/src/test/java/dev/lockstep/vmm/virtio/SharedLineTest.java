package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two disks on one interrupt line under load: the guest learns of completions by interrupts alone, and
 * no request may be left behind. On a line by edge one of them soon is.
 */
class SharedLineTest {
  private static final int REQUESTS = 3000;
  private static final int SLOTS = 8;

  @TempDir Path folder;

  /** A guest with two disks, whose interrupt handler asks one disk after the other. */
  private final class Guest {
    final DiskBench bench;
    final BlockDriver[] drivers = new BlockDriver[2];
    final boolean[][] busy = new boolean[2][SLOTS];
    final int[][] sectors = new int[2][SLOTS];
    int issued;
    int done;

    Guest(DiskBench bench) {
      this.bench = bench;
      for (int i = 0; i < 2; i++) {
        bench.add(
            DiskBench.image(folder, "disk%d.img".formatted(i), 512), DiskImage.Access.READ_WRITE);
        drivers[i] = new BlockDriver(bench.driver(i), 0, 32, 0x10_0000 + i * 0x8_0000L);
      }
    }

    void issue(Random random) {
      int disk = random.nextInt(2);
      int slot = random.nextInt(SLOTS);
      if (busy[disk][slot] || issued == REQUESTS) {
        return;
      }
      busy[disk][slot] = true;
      sectors[disk][slot] = random.nextInt(512);
      drivers[disk].offer(slot, BlockDriver.IN, sectors[disk][slot], 512);
      drivers[disk].ring.kick();
      issued++;
    }

    /** What the handlers of both disks do, in the order they share the line. */
    void handle(Random random) {
      for (int disk = 0; disk < 2; disk++) {
        // A completion of the disk that was looked at already keeps the line high when the other's
        // is taken.
        if (random.nextBoolean()) {
          completeOne(random);
        }
        BlockDriver driver = drivers[disk];
        if (driver.driver.readIsr() == 0) {
          continue;
        }
        while (driver.ring.hasUsed()) {
          int slot = (int) (driver.ring.takeUsed() >> 32) / 3;
          assertThat(busy[disk][slot]).isTrue();
          assertThat(ByteBuffer.wrap(driver.bytes(slot, 4)).getInt())
              .isEqualTo(sectors[disk][slot]);
          busy[disk][slot] = false;
          done++;
        }
      }
    }

    /** Completes one request of either disk, as it comes. */
    boolean completeOne(Random random) {
      List<Integer> candidates = new ArrayList<>();
      for (int disk = 0; disk < 2; disk++) {
        if (!bench.disks.get(disk).inFlight().isEmpty()) {
          candidates.add(disk);
        }
      }
      if (candidates.isEmpty()) {
        return false;
      }
      int disk = candidates.get(random.nextInt(candidates.size()));
      List<DiskRequest> waiting = bench.disks.get(disk).inFlight();
      DiskRequest request = waiting.get(random.nextInt(waiting.size()));
      bench.backends.get(disk).await(request);
      bench.disks.get(disk).complete(request.id(), Objects.requireNonNull(request.status()));
      assertThat(request.status()).isEqualTo(DiskStatus.OK);
      return true;
    }
  }

  /** Runs until everything is done, or nothing moves any more; how many requests the guest saw done. */
  private int run(long seed, boolean level) {
    Random random = new Random(seed);
    try (DiskBench bench = new DiskBench()) {
      if (!level) {
        bench.bench.out(0x4d1, 0);
      }
      Guest guest = new Guest(bench);
      int idle = 0;
      while (guest.done < REQUESTS && idle < 1000) {
        int before = guest.done + guest.issued;
        switch (random.nextInt(3)) {
          case 0 -> guest.issue(random);
          case 1 -> guest.completeOne(random);
          default -> interrupt(bench, guest, random);
        }
        idle = guest.done + guest.issued == before ? idle + 1 : 0;
      }
      return guest.done;
    }
  }

  private static void interrupt(DiskBench bench, Guest guest, Random random) {
    if (!bench.bench.pic.interruptPending()) {
      return;
    }
    int vector = bench.bench.pic.acknowledge();
    if (vector == 0x2b) {
      guest.handle(random);
      // A completion comes while the handler is on its way out.
      if (random.nextBoolean()) {
        guest.completeOne(random);
      }
    }
    bench.bench.out(0xa0, 0x20);
    bench.bench.out(0x20, 0x20);
  }

  @Test
  void byLevelNothingIsLeftBehind() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("SharedLineTest seed " + seed);
    assertThat(run(seed, true)).isEqualTo(REQUESTS);
  }

  @Test
  void byEdgeTheyHang() {
    assertThat(Arrays.asList(run(1, false), run(2, false), run(3, false)))
        .allMatch(done -> done < REQUESTS);
  }
}

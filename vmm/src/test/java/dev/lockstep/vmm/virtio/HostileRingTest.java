package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.disk.DiskImage;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Guests that break every rule of the rings. Whatever they write, the device neither fails nor writes
 * outside of what its buffers name, keeps a bounded number of requests, can be saved and restored, and
 * works again after a reset.
 */
@Timeout(120)
class HostileRingTest {
  private static final long RING = 0x10_0000;

  @TempDir Path folder;

  private static int breaks(DiskBench bench, Driver driver, Driver.Ring ring, String why) {
    ring.kick();
    assertThat(driver.status() & 0x40).as(why).isEqualTo(0x40);
    assertThat(bench.functions.getFirst().brokenReason()).as(why).isNotNull();
    assertThat(ring.hasUsed()).as(why).isFalse();
    return driver.readIsr();
  }

  private Driver.Ring fresh(Driver driver, long features) {
    return driver.start(features, 16, RING);
  }

  @Test
  void eachRuleThatIsBrokenStopsTheDevice() {
    try (DiskBench bench = new DiskBench()) {
      bench.add(DiskBench.image(folder, "disk.img", 64), DiskImage.Access.READ_WRITE);
      Driver driver = bench.driver(0);
      Driver.Ring ring = fresh(driver, 0);
      ring.offer(16);
      breaks(bench, driver, ring, "a head outside the table");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0, 16, Driver.NEXT, 99);
      ring.offer(0);
      breaks(bench, driver, ring, "a next outside the table");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0, 16, Driver.NEXT, 1);
      ring.descriptor(1, 0, 16, Driver.NEXT, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "a circle");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0, 0, Driver.NEXT, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "a circle of nothing");

      for (long address : new long[] {DiskBench.MEMORY_BYTES - 8, -8, Long.MIN_VALUE, 1L << 40}) {
        ring = fresh(driver, 0);
        ring.descriptor(0, address, 16, 0, 0);
        ring.offer(0);
        breaks(bench, driver, ring, "a buffer at %#x".formatted(address));
      }

      ring = fresh(driver, 0);
      ring.descriptor(0, 0, -1, 0, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "a buffer of 4 GiB");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0, 16, Driver.WRITE | Driver.NEXT, 1);
      ring.descriptor(1, 0, 16, 0, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "readable after writable");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0x2000, 16, Driver.INDIRECT, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "indirect without the feature");

      for (int length : new int[] {0, 8, 17, 16 * 17}) {
        ring = fresh(driver, Driver.INDIRECT_FEATURE);
        ring.descriptor(0, 0x2000, length, Driver.INDIRECT, 0);
        ring.offer(0);
        breaks(bench, driver, ring, "an indirect table of %d bytes".formatted(length));
      }

      ring = fresh(driver, Driver.INDIRECT_FEATURE);
      ring.descriptor(0, DiskBench.MEMORY_BYTES, 16, Driver.INDIRECT, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "an indirect table outside memory");

      ring = fresh(driver, Driver.INDIRECT_FEATURE);
      driver.putDescriptor(0x2000, 0, 0x2000, 16, Driver.INDIRECT, 0);
      ring.descriptor(0, 0x2000, 16, Driver.INDIRECT, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "indirect in indirect");

      ring = fresh(driver, Driver.INDIRECT_FEATURE);
      ring.descriptor(0, 0x2000, 16, Driver.INDIRECT | Driver.NEXT, 1);
      ring.offer(0);
      breaks(bench, driver, ring, "indirect with next");

      ring = fresh(driver, 0);
      bench.memory.write16(ring.availableRing() + 2, 17);
      breaks(bench, driver, ring, "more available than the queue holds");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0x2000, 15, Driver.NEXT, 1);
      ring.descriptor(1, 0x3000, 1, Driver.WRITE, 0);
      ring.offer(0);
      breaks(bench, driver, ring, "no room for a header");

      ring = fresh(driver, 0);
      ring.descriptor(0, 0x2000, 16, 0, 0);
      ring.offer(0);
      assertThat(breaks(bench, driver, ring, "no room for a status")).isEqualTo(2);

      readWorks(bench, driver);
    }
  }

  @Test
  void buffersOfferedAgainAndAgainAreBounded() {
    try (DiskBench bench = new DiskBench()) {
      List<Object> held = new ArrayList<>();
      VirtioBlock disk = new VirtioBlock(0, bench.memory, 1 << 20, false, held::add);
      bench.attach(disk, 1);
      BlockDriver driver =
          new BlockDriver(new Driver(bench.bench.bus, bench.memory, 1), 0, 16, RING);
      for (int i = 0; i < 1000; i++) {
        driver.offer(0, BlockDriver.FLUSH, 0, 0);
        driver.ring.kick();
      }
      assertThat(held).hasSize(16);
      assertThat(driver.driver.status() & 0x40).isEqualTo(0x40);
    }
  }

  private static void readWorks(DiskBench bench, Driver driver) {
    BlockDriver good = new BlockDriver(driver, 0, 16, RING);
    good.offer(0, BlockDriver.IN, 5, 512);
    good.ring.kick();
    bench.completeAll();
    assertThat(good.result(0)).isZero();
    assertThat(ByteBuffer.wrap(good.bytes(0, 4)).getInt()).isEqualTo(5);
  }

  @Test
  void randomRingsDoNoHarm() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("HostileRingTest seed " + seed);
    Random random = new Random(seed);
    int broken = 0;
    int finished = 0;
    try (DiskBench bench = new DiskBench()) {
      bench.add(DiskBench.image(folder, "disk.img", 64), DiskImage.Access.READ_WRITE);
      Driver driver = bench.driver(0);
      for (int round = 0; round < 1500; round++) {
        long features =
            (random.nextBoolean() ? Driver.EVENT_INDEX : 0)
                | (random.nextBoolean() ? Driver.INDIRECT_FEATURE : 0)
                | (random.nextBoolean() ? BlockDriver.F_WRITE_ZEROES : 0);
        Driver.Ring ring = fresh(driver, features);
        for (int batch = 0; batch < 4; batch++) {
          scribble(random, driver, ring);
          ring.kick();
          if (random.nextInt(4) == 0) {
            restoreInPlace(bench);
          }
          bench.completeAll();
        }
        assertThat(bench.disks.getFirst().inFlight()).isEmpty();
        broken += (driver.status() & 0x40) != 0 ? 1 : 0;
        finished += ring.usedIndex();
      }
      readAnySector(bench, driver);
      System.out.println(
          "HostileRingTest: %d rings broken, %d buffers returned".formatted(broken, finished));
      assertThat(broken).isBetween(200, 1499);
      assertThat(finished).isGreaterThan(200);
    }
  }

  /** Like {@link #readWorks}, of a disk that the rounds before have written to. */
  private static void readAnySector(DiskBench bench, Driver driver) {
    BlockDriver good = new BlockDriver(driver, 0, 16, RING);
    good.offer(0, BlockDriver.IN, 5, 512);
    good.ring.kick();
    bench.completeAll();
    assertThat(good.result(0)).isZero();
  }

  private static void restoreInPlace(DiskBench bench) {
    bench.backends.getFirst().drain();
    DeviceState state = bench.functions.getFirst().save();
    DeviceState executed = bench.disks.getFirst().saveExecuted();
    bench.functions.getFirst().restore(DeviceState.decode(state.encode()));
    bench.disks.getFirst().restoreExecuted(DeviceState.decode(executed.encode()));
    bench.disks.getFirst().resubmit();
  }

  /** Mostly plausible requests with something wrong in them, so that every check is reached. */
  private static void scribble(Random random, Driver driver, Driver.Ring ring) {
    for (int i = 0; i < ring.size; i++) {
      ring.descriptor(i, address(random), length(random), flags(random), random.nextInt(18));
    }
    for (int i = 0; i < 4; i++) {
      long table = 0x4000 + i * 0x100L;
      for (int j = 0; j < 16; j++) {
        driver.putDescriptor(
            table, j, address(random), length(random), flags(random), random.nextInt(18));
      }
    }
    // Headers where buffers begin.
    for (int i = 0; i < 8; i++) {
      driver.memory.write32(0x2000 + i * 0x200L, new int[] {0, 1, 4, 8, 13, 77}[random.nextInt(6)]);
      driver.memory.write64(
          0x2008 + i * 0x200L, random.nextInt(8) == 0 ? random.nextLong() : random.nextInt(70));
    }
    int offers = 1 + random.nextInt(3);
    for (int i = 0; i < offers; i++) {
      int head = random.nextInt(17);
      if (random.nextInt(3) > 0 && head < 14) {
        ring.descriptor(head, 0x2000 + random.nextInt(8) * 0x200L, 16, Driver.NEXT, head + 1);
        ring.descriptor(head + 1, 0x8000, 512 * random.nextInt(3) + 1, Driver.WRITE, 0);
      }
      ring.offer(head);
    }
    if (random.nextInt(20) == 0) {
      driver.memory.write16(ring.availableRing() + 2, random.nextInt(0x1_0000));
    }
  }

  private static long address(Random random) {
    return switch (random.nextInt(8)) {
      case 0 -> random.nextLong();
      case 1 -> DiskBench.MEMORY_BYTES - random.nextInt(1024);
      case 2 -> 0x4000 + random.nextInt(4) * 0x100L;
      default -> 0x2000 + random.nextInt(8) * 0x200L;
    };
  }

  private static int length(Random random) {
    return switch (random.nextInt(8)) {
      case 0 -> random.nextInt();
      case 1 -> 0;
      case 2 -> 16 * random.nextInt(18);
      default -> new int[] {1, 16, 512, 513, 1024}[random.nextInt(5)];
    };
  }

  private static int flags(Random random) {
    return random.nextInt(3) == 0 ? random.nextInt(8) : random.nextInt(4);
  }
}

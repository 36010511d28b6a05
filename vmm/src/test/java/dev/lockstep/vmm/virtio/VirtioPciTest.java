package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.disk.DiskImage;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The PCI transport by virtio 1.2, section 4.1, and the start of a device by section 3.1. */
class VirtioPciTest {
  private static final long RING = 0x10_0000;
  private static final int NEEDS_RESET = 0x40;

  @TempDir Path folder;
  private final DiskBench bench = new DiskBench();
  private Driver driver;

  @BeforeEach
  void start() {
    bench.add(DiskBench.image(folder, "disk.img", 16), DiskImage.Access.READ_WRITE);
    driver = bench.driver(0);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  @Test
  void identifiesItselfAsAModernDevice() {
    assertThat(driver.readConfig(0, 4)).isEqualTo(0x1042_1af4);
    assertThat(driver.readConfig(8, 1)).as("revision").isEqualTo(1);
    assertThat(driver.readConfig(0x0a, 2)).as("storage").isEqualTo(0x0100);
    assertThat(driver.offered() & Driver.VERSION_1).isNotZero();
  }

  @Test
  void featuresThatWereNotOfferedAreRefused() {
    assertThat(driver.begin(0)).as("a driver from before 1.0").isFalse();
    assertThat(driver.begin(Driver.VERSION_1 | 1L << 33)).isFalse();
    assertThat(driver.begin(Driver.VERSION_1)).isTrue();
    driver.accept(0);
    driver.commonWrite(8, 4, 1);
    assertThat(driver.commonRead(0x0c, 4)).as("settled by FEATURES_OK").isEqualTo(1);
  }

  @Test
  void theCommonStructureReadsInAnyWidth() {
    driver.commonWrite(0x16, 2, 0);
    assertThat(driver.commonRead(0x10, 4)).isEqualTo(0x0001_ffffL);
    assertThat(driver.commonRead(0x12, 2)).isEqualTo(1);
    assertThat(driver.commonRead(0x18, 2)).isEqualTo(128);
    assertThat(driver.commonRead(0x1a, 2)).as("no vector").isEqualTo(0xffff);
    driver.commonWrite(0x16, 2, 1);
    assertThat(driver.commonRead(0x18, 2)).as("no such queue").isZero();
    driver.commonWrite(0x18, 2, 4);
    driver.commonWrite(0x1c, 2, 1);
    driver.commonWrite(0x14, 4, -1);
    assertThat(driver.status()).as("not in its width").isZero();
  }

  @Test
  void resetClearsEverything() {
    driver.start(Driver.EVENT_INDEX, 16, RING);
    driver.setStatus(0);
    assertThat(driver.status()).isZero();
    assertThat(driver.queueSize(0)).isEqualTo(128);
    assertThat(driver.commonRead(0x1c, 2)).isZero();
    assertThat(driver.commonRead(0x20, 4)).isZero();
    driver.commonWrite(8, 4, 0);
    assertThat(driver.commonRead(0x0c, 4)).isZero();
  }

  @Test
  void aQueueOutsideMemoryBreaksTheDevice() {
    long[][] places = {
      {0xffff_ffff_0000_0000L, RING, RING + 0x1000},
      {RING, DiskBench.MEMORY_BYTES - 8, RING + 0x1000},
      {RING, RING + 0x800, DiskBench.MEMORY_BYTES},
      {RING + 8, RING + 0x800, RING + 0x1000},
      {RING, RING + 0x801, RING + 0x1000},
      {RING, RING + 0x800, RING + 0x1002},
    };
    for (long[] place : places) {
      driver.begin(Driver.VERSION_1);
      driver.place(0, 16, place[0], place[1], place[2]);
      driver.ready();
      assertThat(driver.status() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
      assertThat(bench.functions.getFirst().brokenReason()).isNotNull();
      bench.bench.bus.writeMmio(driver.notifyAddress(), 2, 0);
    }
    for (int size : new int[] {0, 3, 256, 0xffff}) {
      driver.begin(Driver.VERSION_1);
      driver.place(0, size, RING, RING + 0x800, RING + 0x1000);
      assertThat(driver.status() & NEEDS_RESET).as("size %d", size).isEqualTo(NEEDS_RESET);
    }
    driver.start(0, 16, RING);
    assertThat(driver.status() & NEEDS_RESET).isZero();
    assertThat(bench.functions.getFirst().brokenReason()).isNull();
  }

  @Test
  void aBrokenRingRaisesAConfigurationInterrupt() {
    Driver.Ring ring = driver.start(0, 16, RING);
    ring.offer(77);
    ring.kick();
    assertThat(driver.status() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
    assertThat(driver.readIsr()).isEqualTo(2);
    assertThat(driver.commonRead(0x15, 1)).as("generation").isEqualTo(1);
  }

  @Test
  void nothingMovesBeforeTheDriverIsReady() {
    driver.begin(Driver.VERSION_1);
    Driver.Ring ring = driver.ring(0, 16, RING, false);
    ring.offer(0);
    ring.kick();
    assertThat(driver.status() & NEEDS_RESET).isZero();
    assertThat(ring.hasUsed()).isFalse();
  }

  @Test
  void theWindowThroughConfigurationSpace() {
    int window = 0;
    for (int at = driver.readConfig(0x34, 1); at != 0; at = driver.readConfig(at + 1, 1)) {
      if (driver.readConfig(at + 3, 1) == 5) {
        window = at;
      }
    }
    assertThat(window).isNotZero();
    driver.writeConfig(window + 4, 1, 0);
    driver.writeConfig(window + 8, 4, 0x14);
    driver.writeConfig(window + 12, 4, 1);
    driver.writeConfig(window + 16, 1, 3);
    assertThat(driver.status()).isEqualTo(3);
    assertThat(driver.readConfig(window + 16, 1)).isEqualTo(3);
    driver.writeConfig(window + 8, 4, 0x2000);
    driver.writeConfig(window + 12, 4, 4);
    assertThat(driver.readConfig(window + 16, 4)).as("capacity").isEqualTo(16);
    driver.writeConfig(window + 8, 4, 0x4000);
    assertThat(driver.readConfig(window + 16, 4)).as("past the BAR").isEqualTo(-1);
    driver.writeConfig(window + 8, 4, -4);
    assertThat(driver.readConfig(window + 16, 4)).isEqualTo(-1);
  }

  @Test
  void aRestoredDeviceGoesOn() {
    BlockDriver first = new BlockDriver(driver, Driver.EVENT_INDEX, 16, RING);
    first.offer(0, BlockDriver.IN, 1, 512);
    first.ring.kick();
    bench.completeAll();
    DeviceState state = bench.functions.getFirst().save();
    driver.setStatus(0);
    bench.functions.getFirst().restore(DeviceState.decode(state.encode()));
    assertThat(bench.functions.getFirst().save().differences(state)).isEmpty();
    first.offer(1, BlockDriver.IN, 2, 512);
    first.ring.kick();
    bench.completeAll();
    assertThat(first.ring.usedIndex()).isEqualTo(2);
    assertThat(first.result(1)).isZero();
  }
}

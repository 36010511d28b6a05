package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.disk.DiskImage;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The disk by virtio 1.2, section 5.2, over a real image. */
class VirtioBlockTest {
  private static final int SECTORS = 256;
  private static final long RING = 0x10_0000;

  @TempDir Path folder;
  private final DiskBench bench = new DiskBench();

  @AfterEach
  void close() {
    bench.close();
  }

  private BlockDriver start(long features) {
    bench.add(DiskBench.image(folder, "disk.img", SECTORS), DiskImage.Access.READ_WRITE);
    return new BlockDriver(bench.driver(0), features, 16, RING);
  }

  private Path image() {
    return folder.resolve("disk.img");
  }

  private int run(BlockDriver driver, int slot) {
    driver.ring.kick();
    bench.completeAll();
    assertThat(driver.ring.hasUsed()).isTrue();
    long used = driver.ring.takeUsed();
    assertThat(used >> 32).isEqualTo(3L * slot);
    return (int) used;
  }

  @Test
  void configurationTellsCapacityAndLimits() {
    start(0);
    Driver driver = bench.driver(0);
    assertThat(driver.queues()).isEqualTo(1);
    assertThat(driver.queueSize(0)).isEqualTo(16);
    assertThat(driver.deviceConfig(0, 4) | driver.deviceConfig(4, 4) << 32).isEqualTo(SECTORS);
    assertThat(driver.deviceConfig(8, 4)).isEqualTo(64 << 10);
    assertThat(driver.deviceConfig(12, 4)).isEqualTo(126);
    assertThat(driver.deviceConfig(20, 4)).isEqualTo(512);
    assertThat(driver.deviceConfig(52, 4)).isEqualTo(1);
    assertThat(driver.deviceConfig(0x100, 4)).isZero();
    assertThat(driver.offered() & (1 << 5)).as("not read-only").isZero();
  }

  @Test
  void reads() {
    BlockDriver driver = start(0);
    driver.offer(0, BlockDriver.IN, 7, 1024);
    assertThat(run(driver, 0)).isEqualTo(1025);
    assertThat(driver.result(0)).isZero();
    assertThat(ByteBuffer.wrap(driver.bytes(0, 4)).getInt()).isEqualTo(7);
    assertThat(ByteBuffer.wrap(driver.bytes(0, 516), 512, 4).getInt()).isEqualTo(8);
    assertThat(bench.bench.pic.interruptPending()).isTrue();
    assertThat(driver.driver.readIsr()).isEqualTo(1);
    assertThat(bench.bench.pic.interruptPending()).isFalse();
    assertThat(driver.driver.readIsr()).isZero();
  }

  @Test
  void writesReachTheImage() {
    BlockDriver driver = start(BlockDriver.F_FLUSH);
    byte[] bytes = new byte[1024];
    Arrays.fill(bytes, (byte) 0x5a);
    driver.fill(0, bytes);
    driver.offer(0, BlockDriver.OUT, 100, 1024);
    assertThat(run(driver, 0)).isEqualTo(1);
    assertThat(driver.result(0)).isZero();
    driver.offer(1, BlockDriver.FLUSH, 0, 0);
    run(driver, 1);
    assertThat(driver.result(1)).isZero();
    byte[] contents = DiskBench.contents(image());
    assertThat(Arrays.copyOfRange(contents, 51_200, 52_224)).isEqualTo(bytes);
    assertThat(bench.backends.getFirst().dirty().harvest().stream()).containsExactly(12);
  }

  @Test
  void whatIsWrittenIsTakenAtTheNotify() {
    BlockDriver driver = start(BlockDriver.F_FLUSH);
    driver.fill(0, new byte[] {1, 2, 3});
    driver.offer(0, BlockDriver.OUT, 0, 512);
    driver.ring.kick();
    driver.fill(0, new byte[] {9, 9, 9});
    bench.completeAll();
    assertThat(DiskBench.contents(image())).startsWith(1, 2, 3);
  }

  @Test
  void withoutFlushEachWriteIsDurable() {
    BlockDriver driver = start(0);
    driver.offer(0, BlockDriver.OUT, 0, 512);
    driver.ring.kick();
    assertThat(bench.disks.getFirst().inFlight().getFirst().operation())
        .isEqualTo(DiskRequest.Operation.WRITE_THROUGH);
    assertThat(bench.completeAll()).isEqualTo(1);
  }

  @Test
  void identifies() {
    BlockDriver driver = start(0);
    driver.offer(0, BlockDriver.GET_ID, 0, 20);
    driver.ring.kick();
    assertThat((int) driver.ring.takeUsed()).isEqualTo(21);
    assertThat(new String(driver.bytes(0, 5), StandardCharsets.US_ASCII)).isEqualTo("disk0");
    driver.offer(1, BlockDriver.GET_ID, 0, 19);
    driver.ring.kick();
    assertThat(driver.result(1)).isEqualTo(1);
  }

  @Test
  void writesZeroes() {
    BlockDriver driver = start(BlockDriver.F_WRITE_ZEROES | BlockDriver.F_FLUSH);
    byte[] segment = new byte[16];
    segment[0] = 10;
    segment[8] = 3;
    driver.fill(0, segment);
    driver.offer(0, BlockDriver.WRITE_ZEROES, 0, 16);
    run(driver, 0);
    assertThat(driver.result(0)).isZero();
    byte[] contents = DiskBench.contents(image());
    assertThat(contents[9 * 512 + 3]).isEqualTo((byte) 9);
    assertThat(Arrays.copyOfRange(contents, 5120, 5120 + 1536)).containsOnly(0);
    assertThat(contents[13 * 512 + 3]).isEqualTo((byte) 13);
    segment[12] = 2;
    driver.fill(1, segment);
    driver.offer(1, BlockDriver.WRITE_ZEROES, 0, 16);
    driver.ring.kick();
    assertThat(driver.result(1)).as("a flag that is not known").isEqualTo(2);
  }

  @Test
  void impossibleRequestsAreRefused() {
    BlockDriver driver = start(0);
    Object[][] requests = {
      {BlockDriver.IN, (long) SECTORS, 512, 1},
      {BlockDriver.IN, SECTORS - 1L, 1024, 1},
      {BlockDriver.IN, -1L, 512, 1},
      {BlockDriver.IN, Long.MAX_VALUE / 512, 512, 1},
      {BlockDriver.IN, 0L, 511, 1},
      {BlockDriver.IN, 0L, 0, 1},
      {BlockDriver.OUT, (long) SECTORS, 512, 1},
      {BlockDriver.OUT, 0L, 100, 1},
      {BlockDriver.WRITE_ZEROES, 0L, 16, 2},
      {11, 0L, 16, 2},
      {99, 0L, 512, 2},
    };
    for (Object[] request : requests) {
      driver.offer(0, (int) request[0], (long) request[1], (int) request[2]);
      driver.ring.kick();
      assertThat(driver.result(0)).as(Arrays.toString(request)).isEqualTo(request[3]);
      assertThat((int) driver.ring.takeUsed()).isEqualTo(1);
    }
    assertThat(bench.disks.getFirst().inFlight()).isEmpty();
    assertThat(driver.driver.status() & 0x40).isZero();
  }

  @Test
  void aReadOnlyDiskRefusesWrites() {
    bench.add(DiskBench.image(folder, "disk.img", SECTORS), DiskImage.Access.READ_ONLY);
    assertThat(bench.driver(0).offered() & (1 << 5)).isNotZero();
    BlockDriver driver = new BlockDriver(bench.driver(0), 1 << 5, 16, RING);
    driver.offer(0, BlockDriver.OUT, 0, 512);
    driver.ring.kick();
    assertThat(driver.result(0)).isEqualTo(1);
    driver.offer(1, BlockDriver.IN, 1, 512);
    driver.ring.kick();
    bench.completeAll();
    assertThat(driver.result(1)).isZero();
  }

  @Test
  void anErrorOfThePrimaryIsTheGuests() {
    BlockDriver driver = start(0);
    driver.offer(0, BlockDriver.IN, 1, 512);
    driver.ring.kick();
    bench.backends.getFirst().drain();
    assertThat(bench.disks.getFirst().complete(0, DiskStatus.IO_ERROR)).isTrue();
    assertThat(driver.result(0)).isEqualTo(1);
    assertThat(driver.bytes(0, 512)).containsOnly(0);
  }

  @Test
  void aCompletionBeforeItsExecutionIsABug() {
    List<DiskRequest> held = new ArrayList<>();
    VirtioBlock disk = new VirtioBlock(0, bench.memory, 512L * SECTORS, false, held::add);
    bench.attach(disk, 1);
    BlockDriver driver = new BlockDriver(new Driver(bench.bench.bus, bench.memory, 1), 0, 16, RING);
    driver.offer(0, BlockDriver.IN, 0, 512);
    driver.ring.kick();
    assertThatThrownBy(() -> disk.complete(0, DiskStatus.OK))
        .isInstanceOf(IllegalStateException.class);
    held.getFirst().executedBefore(DiskStatus.IO_ERROR, null);
    assertThatThrownBy(() -> disk.complete(0, DiskStatus.OK))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("READ #0 of 512 bytes at 0");
    assertThat(disk.complete(7, DiskStatus.OK)).isFalse();
  }

  @Test
  void aResetForgetsRequestsAndTheirCompletions() {
    BlockDriver driver = start(0);
    driver.offer(0, BlockDriver.IN, 0, 512);
    driver.ring.kick();
    DiskRequest request = bench.disks.getFirst().inFlight().getFirst();
    driver.driver.setStatus(0);
    bench.backends.getFirst().drain();
    assertThat(bench.disks.getFirst().complete(request.id(), DiskStatus.OK)).isFalse();
    assertThat(driver.bytes(0, 512)).containsOnly(0);
    BlockDriver again = new BlockDriver(bench.driver(0), 0, 16, RING);
    again.offer(0, BlockDriver.IN, 3, 512);
    again.ring.kick();
    bench.completeAll();
    assertThat(ByteBuffer.wrap(again.bytes(0, 4)).getInt()).isEqualTo(3);
  }

  @Test
  void buffersInManyPiecesAndAnyLayout() {
    BlockDriver driver = start(0);
    driver.writeHeader(0, BlockDriver.IN, 4);
    // The header in two pieces; data and status in one descriptor, split inside the data.
    driver.ring.descriptor(0, driver.header(0), 5, Driver.NEXT, 5);
    driver.ring.descriptor(5, driver.header(0) + 5, 11, Driver.NEXT, 2);
    driver.ring.descriptor(2, driver.data(0), 100, Driver.WRITE | Driver.NEXT, 9);
    driver.ring.descriptor(9, driver.data(0) + 100, 413, Driver.WRITE, 0);
    driver.ring.offer(0);
    driver.ring.kick();
    bench.completeAll();
    assertThat((int) driver.ring.takeUsed()).isEqualTo(513);
    assertThat(ByteBuffer.wrap(driver.bytes(0, 4)).getInt()).isEqualTo(4);
    assertThat(bench.memory.read8(driver.data(0) + 512)).as("status").isZero();
  }

  @Test
  void indirectDescriptors() {
    BlockDriver driver = start(Driver.INDIRECT_FEATURE);
    driver.writeHeader(0, BlockDriver.IN, 9);
    long table = driver.header(3);
    driver.driver.putDescriptor(table, 0, driver.header(0), 16, Driver.NEXT, 2);
    driver.driver.putDescriptor(table, 1, driver.status(0), 1, Driver.WRITE, 0);
    driver.driver.putDescriptor(table, 2, driver.data(0), 512, Driver.WRITE | Driver.NEXT, 1);
    driver.ring.descriptor(4, table, 48, Driver.INDIRECT, 0);
    driver.ring.offer(4);
    driver.ring.kick();
    bench.completeAll();
    assertThat(driver.ring.takeUsed()).isEqualTo(4L << 32 | 513);
    assertThat(ByteBuffer.wrap(driver.bytes(0, 4)).getInt()).isEqualTo(9);
  }

  @Test
  void eventIndexSuppressesInterruptsUntilItsTurn() {
    BlockDriver driver = start(Driver.EVENT_INDEX);
    bench.memory.write16(driver.ring.availableRing() + 4 + 32, 2);
    for (int i = 0; i < 3; i++) {
      driver.offer(i, BlockDriver.IN, i, 512);
      driver.ring.kick();
      bench.completeAll();
      assertThat(driver.driver.readIsr()).as("after %d", i + 1).isEqualTo(i == 2 ? 1 : 0);
    }
    assertThat(bench.memory.read16(driver.ring.usedRing() + 4 + 8 * 16))
        .as("where to notify next")
        .isEqualTo(3);
  }

  @Test
  void oneNotificationTakesAllRequestsAndReturnsWhatIsDoneAtOnce() {
    List<Integer> usedAtSubmission = new ArrayList<>();
    List<Driver.Ring> rings = new ArrayList<>();
    VirtioBlock disk =
        new VirtioBlock(
            0,
            bench.memory,
            1L << 20,
            false,
            request -> usedAtSubmission.add(rings.getFirst().usedIndex()));
    bench.attach(disk, 1);
    BlockDriver driver = new BlockDriver(new Driver(bench.bench.bus, bench.memory, 1), 0, 16, RING);
    rings.add(driver.ring);
    driver.offer(0, BlockDriver.GET_ID, 0, 20);
    driver.offer(1, BlockDriver.IN, 1, 512);
    driver.offer(2, BlockDriver.GET_ID, 0, 20);
    driver.offer(3, BlockDriver.IN, 2, 512);
    driver.ring.kick();
    assertThat(usedAtSubmission).as("nothing is shown before all are taken").containsExactly(0, 0);
    assertThat(driver.ring.usedIndex()).isEqualTo(2);
    assertThat(disk.inFlight()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, Driver.EVENT_INDEX})
  void requestsThatCompleteAtOneBoundaryInterruptOnce(long features) {
    BlockDriver driver = start(features);
    for (int i = 0; i < 4; i++) {
      driver.offer(i, BlockDriver.IN, i, 512);
    }
    driver.ring.kick();
    assertThat(bench.completeAll()).isEqualTo(4);
    assertThat(driver.ring.usedIndex()).isEqualTo(4);
    assertThat(bench.bench.pic.interruptPending()).isTrue();
    bench.bench.pic.acknowledge();
    assertThat(driver.driver.readIsr()).isEqualTo(1);
    bench.bench.out(0xa0, 0x20);
    bench.bench.out(0x20, 0x20);
    assertThat(bench.bench.pic.interruptPending()).as("a second time").isFalse();
  }

  @Test
  void theNoInterruptFlag() {
    BlockDriver driver = start(0);
    bench.memory.write16(driver.ring.availableRing(), 1);
    driver.offer(0, BlockDriver.IN, 0, 512);
    run(driver, 0);
    assertThat(driver.driver.readIsr()).isZero();
  }

  @Test
  void requestsInFlightAreFinishedExactlyOnceAfterARestore() {
    BlockDriver driver = start(BlockDriver.F_FLUSH);
    byte[] bytes = new byte[512];
    Arrays.fill(bytes, (byte) 0x77);
    driver.fill(1, bytes);
    driver.offer(0, BlockDriver.IN, 20, 512);
    driver.offer(1, BlockDriver.OUT, 20, 512);
    driver.offer(2, BlockDriver.IN, 20, 512);
    driver.ring.kick();
    bench.backends.getFirst().drain();
    DeviceState state = bench.functions.getFirst().save();
    DeviceState executed = bench.disks.getFirst().saveExecuted();
    assertThat(state.encode().length).isLessThan(4096);

    // The image is as it was when the state was saved: the write is in it, and must not be seen by
    // the first read.
    bench.functions.getFirst().restore(DeviceState.decode(state.encode()));
    bench.disks.getFirst().restoreExecuted(DeviceState.decode(executed.encode()));
    bench.disks.getFirst().resubmit();
    assertThat(bench.completeAll()).isEqualTo(3);
    assertThat(ByteBuffer.wrap(driver.bytes(0, 4)).getInt()).isEqualTo(20);
    assertThat(driver.bytes(2, 512)).isEqualTo(bytes);
    assertThat(driver.ring.usedIndex()).isEqualTo(3);
  }

  @Test
  void requestsThatWereNotExecutedAreExecutedAfterARestore() {
    List<DiskRequest> held = new ArrayList<>();
    Path image = DiskBench.image(folder, "disk.img", SECTORS);
    VirtioBlock disk = new VirtioBlock(0, bench.memory, 512L * SECTORS, false, held::add);
    VirtioPci function = bench.attach(disk, 1);
    BlockDriver driver =
        new BlockDriver(
            new Driver(bench.bench.bus, bench.memory, 1), BlockDriver.F_FLUSH, 16, RING);
    driver.fill(0, new byte[] {5, 5, 5, 5});
    driver.offer(0, BlockDriver.OUT, 30, 512);
    driver.offer(1, BlockDriver.IN, 30, 512);
    driver.ring.kick();
    assertThat(held).hasSize(2);
    DeviceState state = function.save();
    DeviceState executed = disk.saveExecuted();

    try (DiskBench other = new DiskBench()) {
      VirtioBlock continued = other.add(image, DiskImage.Access.READ_WRITE);
      byte[] memory = new byte[(int) DiskBench.MEMORY_BYTES];
      bench.memory.read(0, memory, 0, memory.length);
      other.memory.write(0, memory, 0, memory.length);
      other.functions.getFirst().restore(state);
      continued.restoreExecuted(executed);
      continued.resubmit();
      assertThat(other.completeAll()).isEqualTo(2);
      assertThat(other.memory.read8(driver.status(0))).isZero();
      assertThat(other.memory.read8(driver.data(1) + 3)).isEqualTo(5);
      assertThat(other.memory.read16(driver.ring.usedRing() + 2)).isEqualTo(2);
    }
    assertThat(DiskBench.contents(image)[30 * 512]).isEqualTo((byte) 5);
  }

  @Test
  void whatReplicasCompareDoesNotShowTheHostsProgress() {
    List<DiskRequest> held = new ArrayList<>();
    VirtioBlock disk = new VirtioBlock(0, bench.memory, 512L * SECTORS, false, held::add);
    VirtioPci function = bench.attach(disk, 1);
    BlockDriver driver = new BlockDriver(new Driver(bench.bench.bus, bench.memory, 1), 0, 16, RING);
    driver.offer(0, BlockDriver.IN, 0, 512);
    driver.ring.kick();
    DeviceState before = function.save();
    held.getFirst().executedBefore(DiskStatus.OK, new byte[512]);
    assertThat(function.save().differences(before)).isEmpty();
  }

  @Test
  void requestsBeyondTheBoundWaitInTheRing() {
    List<DiskRequest> held = new ArrayList<>();
    VirtioBlock disk = new VirtioBlock(0, bench.memory, 1L << 30, false, held::add);
    bench.attach(disk, 1);
    BlockDriver driver = new BlockDriver(new Driver(bench.bench.bus, bench.memory, 1), 0, 64, RING);
    // All of memory in each request.
    for (int i = 0; i < 20; i++) {
      driver.writeHeader(0, BlockDriver.OUT, 0);
      driver.ring.descriptor(3 * i, driver.header(0), 16, Driver.NEXT, 3 * i + 1);
      driver.ring.descriptor(3 * i + 1, 0, 4 << 20, Driver.NEXT, 3 * i + 2);
      driver.ring.descriptor(3 * i + 2, driver.status(0), 1, Driver.WRITE, 0);
      driver.ring.offer(3 * i);
    }
    driver.ring.kick();
    assertThat(held).hasSize(VirtioBlock.MAX_IN_FLIGHT_BYTES / (4 << 20));
    int done = 0;
    while (done < held.size()) {
      held.get(done).executedBefore(DiskStatus.OK, null);
      disk.complete(held.get(done).id(), DiskStatus.OK);
      done++;
    }
    assertThat(done).as("each completion lets one more through").isEqualTo(20);
    assertThat(driver.ring.usedIndex()).isEqualTo(20);
  }
}

package dev.lockstep.vmm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.Bench;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import dev.lockstep.vmm.fuzz.Fuzzing;
import dev.lockstep.vmm.log.RandomEntries;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.pci.PciBus;
import dev.lockstep.vmm.pci.PciHostBridge;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any guest: the bytes are what its driver writes into memory and registers of one virtio device, and what comes from outside meanwhile. The device throws nothing, lets out bounded frames, keeps bounded requests,
 * and can be saved and restored at every moment; a restore of a damaged state is refused as {@link VmmException} or leaves a device that keeps these rules.
 */
class VirtioFuzzTest {
  private static final int MEMORY_BYTES = 64 << 10;
  private static final int SLOT = 1;
  private static final long BAR = 0xe000_0000L + SLOT * 0x1_0000L;
  private static final long RINGS = 0x1000;
  private static final int RING_BYTES = 0x2000;
  private static final int SIZE = 8;
  private static final int KINDS = 4;
  private static final int MAX_STEPS = 400;

  /** More than one notification of one ring can let out. */
  private static final int MAX_SENT = 1 << 16;

  static Stream<byte[]> seeds() {
    return IntStream.range(0, 2 * KINDS).mapToObj(VirtioFuzzTest::seed);
  }

  /** A good chain in each queue, and a notification. */
  private static byte[] seed(int number) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(number % KINDS);
    out.write(number < KINDS ? 0 : 3);
    for (int queue = 0; queue < 3; queue++) {
      boolean written = queue == 0 && number % KINDS != 0;
      out.writeBytes(descriptor(queue, 0, 0x8000, 16, Driver.NEXT | (written ? 2 : 0), 1));
      out.writeBytes(descriptor(queue, 1, 0x8100, 512, Driver.NEXT | (written ? 2 : 0), 2));
      out.writeBytes(descriptor(queue, 2, 0x8400, 1, written || queue != 1 ? 2 : 0, 0));
      out.writeBytes(new byte[] {1, (byte) queue, 0});
      out.writeBytes(new byte[] {2, (byte) queue});
    }
    for (int step : new int[] {4, 5, 6, 7, 8, 4}) {
      out.write(step);
      out.write(1);
    }
    return out.toByteArray();
  }

  private static byte[] descriptor(
      int queue, int index, int address, int length, int flags, int next) {
    return ByteBuffer.allocate(10)
        .put((byte) 0)
        .put((byte) queue)
        .put((byte) index)
        .putShort((short) address)
        .putShort((short) length)
        .put((byte) flags)
        .put((byte) next)
        .put((byte) 0)
        .array();
  }

  /** A machine's part with one device, which the bytes choose. */
  private static final class Board {
    private final Arena arena = Arena.ofConfined();
    long sent;
    final GuestMemory memory =
        new GuestMemory(
            arena.allocate(MEMORY_BYTES, GuestMemory.PAGE_SIZE),
            List.of(new GuestMemory.Region(0, MEMORY_BYTES, 0)));
    final Bench bench = new Bench().initialisedPic();
    final VirtioBlock disk = new VirtioBlock(0, memory, 1 << 16, false, request -> {});
    final VirtioConsole console = new VirtioConsole(memory, value -> sent++);
    final VirtioEntropy entropy = new VirtioEntropy(memory, wanted -> {});
    final VirtioNet network = new VirtioNet(memory, NetDriver.ADDRESS, true, this::sent);
    final VirtioDevice device;
    final VirtioPci function;
    final Driver driver;

    Board(int kind) {
      PciBus pci = new PciBus(bench.bus, bench);
      bench.bus.mapPorts(0xcf8, 8, bench.add(pci), 0, 4);
      pci.attach(0, new PciHostBridge());
      device = List.of(disk, console, entropy, network).get(kind);
      function = new VirtioPci(device, memory, BAR, 11, bench.pic.connect(11));
      pci.attach(SLOT, bench.add(function));
      driver = new Driver(bench.bus, memory, SLOT);
    }

    private void sent(byte[] frame) {
      assertThat(Frames.fits(frame.length)).isTrue();
      sent++;
    }

    void start(int flags) {
      driver.begin(
          Driver.VERSION_1
              | ((flags & 1) != 0 ? Driver.EVENT_INDEX : 0)
              | ((flags & 2) != 0 ? Driver.INDIRECT_FEATURE : 0)
              | ((flags & 4) != 0 ? NetDriver.ANNOUNCES : 0)
              | ((flags & 8) != 0 && device == network ? NetDriver.OFFLOADS : 0)
              | ((flags & 16) != 0 && device == network ? VirtioNet.F_MERGED_BUFFERS : 0));
      for (int i = 0; i < device.queueSizes().length; i++) {
        driver.ring(i, SIZE, RINGS + (long) i * RING_BYTES, (flags & 1) != 0);
      }
      driver.ready();
    }
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void everyGuestIsHarmless(byte[] data) {
    if (data.length < 2) {
      return;
    }
    ByteBuffer from = ByteBuffer.wrap(data);
    Board board = new Board((from.get() & 0xff) % KINDS);
    try {
      board.start(from.get());
      for (int step = 0; step < MAX_STEPS && from.hasRemaining(); step++) {
        board.sent = 0;
        step(board, from);
        assertThat(board.sent).isLessThan(MAX_SENT * (long) SIZE);
        assertThat(board.disk.inFlight().size()).isLessThanOrEqualTo(256);
      }
      DeviceState state = board.function.save();
      board.function.restore(DeviceState.decode(state.encode()));
      assertThat(board.function.save().differences(state)).isEmpty();
    } finally {
      board.arena.close();
    }
  }

  private static void step(Board board, ByteBuffer from) {
    switch (from.get() & 0x0f) {
      case 0 -> describe(board, from);
      case 1 -> offer(board, from);
      case 2 -> notify(board, octet(from) % 4);
      case 3 -> {
        int queue = octet(from) % 3;
        board.memory.write16(RINGS + (long) queue * RING_BYTES + 16L * SIZE + 2, word(from));
      }
      case 4 -> complete(board, octet(from));
      case 5, 6, 7 -> fromOutside(board, octet(from));
      case 8 -> board.network.announce();
      case 9 ->
          board.memory.write32(
              word(from) & ~3 & MEMORY_BYTES - 1, from.remaining() < 4 ? 0 : from.getInt());
      case 10 -> board.bench.bus.writeMmio(BAR + (word(from) & 0x3ffc), 4, word(from));
      case 11 ->
          board.bench.bus.writeMmio(BAR + (octet(from) & 0x3e), 1 << octet(from) % 3, word(from));
      case 12 -> board.bench.bus.readMmio(BAR + word(from) % 0x4000, 1 << octet(from) % 3);
      case 13 -> board.driver.writeConfig(octet(from) & ~3, 4, word(from));
      case 14 -> damagedRestore(board, from);
      default -> board.start(octet(from));
    }
  }

  private static void fromOutside(Board board, int what) {
    switch (board.device) {
      case VirtioConsole console -> console.receive(new byte[1 + what]);
      case VirtioEntropy entropy -> entropy.provide(new byte[Math.max(1, entropy.wantedBytes())]);
      case VirtioNet network -> network.receive(RandomEntries.frames(new Random(what)));
      default -> complete(board, what);
    }
  }

  private static void describe(Board board, ByteBuffer from) {
    int queue = octet(from) % 3;
    int index = octet(from) % (2 * SIZE);
    long address = word(from);
    int length = word(from);
    int flags = octet(from);
    int next = octet(from);
    int high = octet(from);
    long at = RINGS + (long) queue * RING_BYTES + 16L * index;
    // The highest values come by themselves never, and are what matters.
    board.memory.write64(at, high > 0xf0 ? address << 48 : address | (long) (high & 1) << 32);
    board.memory.write32(at + 8, high > 0xe0 ? -length : length);
    board.memory.write16(at + 12, flags);
    board.memory.write16(at + 14, next);
  }

  private static void offer(Board board, ByteBuffer from) {
    long ring = RINGS + (long) (octet(from) % 3) * RING_BYTES + 16L * SIZE;
    int available = board.memory.read16(ring + 2);
    board.memory.write16(ring + 4 + 2L * (available % SIZE), octet(from));
    board.memory.write16(ring + 2, available + 1);
  }

  private static void notify(Board board, int queue) {
    board.bench.bus.writeMmio(BAR + 0x3000 + 4L * queue, 2, queue);
  }

  private static void complete(Board board, int status) {
    List<DiskRequest> waiting = board.disk.inFlight();
    if (!waiting.isEmpty()) {
      DiskRequest request = waiting.getFirst();
      boolean good = status % 3 != 0;
      boolean reads = request.operation() == DiskRequest.Operation.READ;
      if (!request.isExecuted()) {
        request.executedBefore(
            good ? DiskStatus.OK : DiskStatus.IO_ERROR,
            good && reads ? new byte[request.length()] : null);
      }
      board.disk.complete(request.id(), good ? DiskStatus.OK : DiskStatus.IO_ERROR);
    }
  }

  private static void damagedRestore(Board board, ByteBuffer from) {
    DeviceState good = board.function.save();
    byte[] state = good.encode();
    for (int changes = 1 + octet(from) % 4; changes > 0; changes--) {
      state[word(from) % state.length] = (byte) octet(from);
    }
    try {
      board.function.restore(DeviceState.decode(state));
    } catch (VmmException e) {
      assertThat(e.getMessage()).isNotBlank();
      board.function.restore(good);
    }
  }

  private static int octet(ByteBuffer from) {
    return from.hasRemaining() ? from.get() & 0xff : 0;
  }

  private static int word(ByteBuffer from) {
    return from.remaining() < 2 ? 0 : from.getShort() & 0xffff;
  }
}

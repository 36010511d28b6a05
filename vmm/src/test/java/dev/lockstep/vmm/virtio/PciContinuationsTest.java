package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.device.Bench;
import dev.lockstep.vmm.device.Continuations;
import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import dev.lockstep.vmm.disk.DiskRequest;
import dev.lockstep.vmm.disk.DiskStatus;
import dev.lockstep.vmm.log.RandomEntries;
import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.pci.PciBus;
import dev.lockstep.vmm.pci.PciHostBridge;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** The PCI bus and everything on it under a driver's work and under noise, saved and restored at every step. */
class PciContinuationsTest {
  private static final int SCRIPTS = 12;
  private static final int STEPS = 70;
  private static final int SECTORS = 16;
  private static final int MEMORY_BYTES = 128 << 10;

  private static final int DISK = 1;
  private static final int CONSOLE = 2;
  private static final int ENTROPY = 3;
  private static final int NETWORK = 4;
  private static final int QUEUE = 8;
  private static final long FIRST_RING = 0x2000;
  private static final long BUFFERS = 0x10000;
  private static final long NETWORK_RINGS = 0x18000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  /** The guest's memory, the functions, and what stands behind the disk. */
  private static final class Board {
    final GuestMemory memory =
        new GuestMemory(
            Arena.ofAuto().allocate(MEMORY_BYTES, GuestMemory.PAGE_SIZE),
            List.of(new GuestMemory.Region(0, MEMORY_BYTES, 0)));
    final VirtioBlock disk = new VirtioBlock(0, memory, 512L * SECTORS, false, request -> {});
    final VirtioConsole console;
    final VirtioEntropy entropy;
    final VirtioNet network;
    final byte[] sectors = new byte[512 * SECTORS];

    Board(Bench bench) {
      console = new VirtioConsole(memory, bench);
      entropy = new VirtioEntropy(memory, wanted -> bench.effects.append("wants ").append(wanted));
      network =
          new VirtioNet(
              memory,
              new MacAddress(0x525400123456L),
              false,
              frame -> bench.effects.append("frame ").append(Arrays.hashCode(frame)).append(' '));
      for (int i = 0; i < sectors.length; i++) {
        sectors[i] = (byte) (i * 31 >> 4);
      }
    }

    /** Executes the oldest request that was not; its number. */
    long execute() {
      for (DiskRequest request : disk.inFlight()) {
        if (!request.isExecuted()) {
          int offset = (int) request.offset();
          byte[] data = request.data();
          switch (request.operation()) {
            case READ ->
                request.executedBefore(
                    DiskStatus.OK, Arrays.copyOfRange(sectors, offset, offset + request.length()));
            case WRITE, WRITE_THROUGH -> {
              if (data != null) {
                System.arraycopy(data, 0, sectors, offset, data.length);
              }
              request.executedBefore(DiskStatus.OK, null);
            }
            case WRITE_ZEROES, FLUSH -> request.executedBefore(DiskStatus.OK, null);
          }
          return request.id();
        }
      }
      return -1;
    }

    /** Completes the oldest request if it was executed. */
    boolean complete() {
      List<DiskRequest> waiting = disk.inFlight();
      return !waiting.isEmpty()
          && waiting.getFirst().isExecuted()
          && disk.complete(waiting.getFirst().id(), DiskStatus.OK);
    }
  }

  /** What belongs to a machine beside its devices, as a device. Restored last. */
  private record Behind(Board board) implements Device {
    @Override
    public String kind() {
      return "behind";
    }

    @Override
    public long read(int offset, int width) {
      return 0;
    }

    @Override
    public void write(int offset, int width, long value) {}

    @Override
    public DeviceState save() {
      byte[] memory = new byte[MEMORY_BYTES];
      board.memory.read(0, memory, 0, memory.length);
      return new StateWriter(kind(), 1)
          .bytes("memory", memory)
          .bytes("sectors", board.sectors)
          .bytes("executed", board.disk.saveExecuted().encode())
          .state();
    }

    @Override
    public void restore(DeviceState state) {
      StateReader in = state.reader(kind(), 1);
      board.memory.write(0, in.bytes("memory", MEMORY_BYTES), 0, MEMORY_BYTES);
      System.arraycopy(
          in.bytes("sectors", board.sectors.length), 0, board.sectors, 0, board.sectors.length);
      board.disk.restoreExecuted(DeviceState.decode(in.bytes("executed")));
      in.end();
    }
  }

  @Test
  void everyFunctionGoesOnFromEveryStep() {
    System.out.println("PciContinuationsTest seed " + seed);
    for (int i = 0; i < SCRIPTS; i++) {
      List<Function<Bench, Object>> script = new ArrayList<>();
      for (int slot = DISK; slot <= NETWORK; slot++) {
        script.add(setUp(slot));
      }
      while (script.size() < STEPS) {
        script.add(step());
      }
      Continuations.check(PciContinuationsTest::fresh, script);
    }
  }

  private Function<Bench, Object> step() {
    int slot = DISK + random.nextInt(NETWORK);
    return switch (random.nextInt(19)) {
      case 0 -> setUp(slot);
      case 1 -> configNoise();
      case 2 -> registerNoise(slot);
      case 3, 4, 5, 6 -> offer(slot);
      case 7, 8 -> bench -> board(bench).execute();
      case 9, 10 -> bench -> board(bench).complete();
      case 11, 12 -> typed();
      case 13 -> entropy();
      case 14 -> bench -> driver(bench, slot).readIsr();
      case 15, 16 -> frames();
      case 17 -> bench -> board(bench).network.announce();
      default -> Continuations.interrupts();
    };
  }

  private Function<Bench, Object> setUp(int slot) {
    long events = random.nextBoolean() ? Driver.EVENT_INDEX : 0;
    return bench -> {
      Driver driver = driver(bench, slot);
      long announces = slot == NETWORK ? VirtioNet.F_CTRL_VQ | VirtioNet.F_GUEST_ANNOUNCE : 0;
      boolean taken = driver.begin(Driver.VERSION_1 | events | announces);
      for (int queue = 0; queue < queues(slot); queue++) {
        driver.ring(queue, QUEUE, ringBase(slot, queue), events != 0);
      }
      driver.ready();
      return taken;
    };
  }

  private Function<Bench, Object> configNoise() {
    int slot = random.nextInt(NETWORK + 2);
    int width = 1 << random.nextInt(3);
    int register = random.nextInt(256) & -width;
    boolean write = random.nextBoolean();
    int value = random.nextInt();
    return bench -> {
      bench.bus.writePort(0xcf8, 4, 0x8000_0000 | slot << 11 | register & 0xfc);
      int port = 0xcfc + (register & 3);
      if (write) {
        bench.bus.writePort(port, width, value);
      }
      return bench.bus.readPort(port, width);
    };
  }

  private Function<Bench, Object> registerNoise(int slot) {
    int width = 1 << random.nextInt(3);
    int block = random.nextInt(VirtioPci.BAR_BYTES / 0x1000) * 0x1000;
    int offset = block + (random.nextInt(0x40) & -width);
    boolean write = random.nextBoolean();
    int value = random.nextInt() >>> random.nextInt(31);
    return bench -> {
      long address = bar(slot) + offset;
      if (write) {
        bench.bus.writeMmio(address, width, value & 0xffff_ffffL);
      }
      return bench.bus.readMmio(address, width);
    };
  }

  /** Makes one chain available and notifies the device. */
  private Function<Bench, Object> offer(int slot) {
    int queue = random.nextInt(queues(slot));
    int type = random.nextBoolean() ? BlockDriver.IN : BlockDriver.OUT;
    int sector = random.nextInt(SECTORS + 2);
    int at = random.nextInt(8);
    int length = slot == DISK ? 512 : 1 + random.nextInt(slot == NETWORK ? 200 : 20);
    int command = random.nextInt(8);
    return bench -> {
      Driver driver = driver(bench, slot);
      GuestMemory memory = board(bench).memory;
      long base = ringBase(slot, queue);
      Driver.Ring ring = driver.new Ring(queue, QUEUE, base, false);
      ring.available = memory.read16(ring.availableRing() + 2);
      long data = BUFFERS + 0x1000L * at;
      if (slot == DISK) {
        memory.write32(data, type);
        memory.write64(data + 8, sector);
        ring.descriptor(0, data, 16, Driver.NEXT, 1);
        int direction = type == BlockDriver.IN ? Driver.WRITE : 0;
        ring.descriptor(1, data + 0x100, length, direction | Driver.NEXT, 2);
        ring.descriptor(2, data + 0x80, 1, Driver.WRITE, 0);
      } else if (slot == NETWORK && queue == 2) {
        memory.write16(data, command > 2 ? 3 : command);
        ring.descriptor(0, data, 2, Driver.NEXT, 1);
        ring.descriptor(1, data + 0x80, 1, Driver.WRITE, 0);
      } else {
        boolean transmit = queue == 1;
        ring.descriptor(0, data, length, transmit ? 0 : Driver.WRITE, 0);
      }
      ring.offer(0);
      ring.kick();
      return ring.usedIndex();
    };
  }

  private Function<Bench, Object> typed() {
    byte[] bytes = new byte[1 + random.nextInt(30)];
    random.nextBytes(bytes);
    return bench -> board(bench).console.receive(bytes);
  }

  private Function<Bench, Object> frames() {
    byte[] packed = RandomEntries.frames(random);
    return bench -> {
      VirtioNet network = board(bench).network;
      int room = network.receiveRoom();
      network.receive(packed);
      return network.receives() + " " + room + " " + network.receiveRoom();
    };
  }

  private static int queues(int slot) {
    return switch (slot) {
      case NETWORK -> 3;
      case CONSOLE -> 2;
      default -> 1;
    };
  }

  private Function<Bench, Object> entropy() {
    long noise = random.nextLong();
    return bench -> {
      VirtioEntropy device = board(bench).entropy;
      byte[] bytes = new byte[Math.max(1, device.wantedBytes())];
      new Random(noise).nextBytes(bytes);
      return device.provide(bytes);
    };
  }

  private static long ringBase(int slot, int queue) {
    return slot == NETWORK
        ? NETWORK_RINGS + queue * 0x2000L
        : FIRST_RING + (slot + queue * ENTROPY) * 0x2000L;
  }

  private static long bar(int slot) {
    return 0xe000_0000L + slot * 0x1_0000L;
  }

  private static Driver driver(Bench bench, int slot) {
    return new Driver(bench.bus, board(bench).memory, slot);
  }

  private static Board board(Bench bench) {
    return ((Behind) bench.devices.getLast()).board();
  }

  private static Bench fresh() {
    Bench bench = new Bench().initialisedPic();
    Board board = new Board(bench);
    PciBus pci = new PciBus(bench.bus, bench);
    bench.bus.mapPorts(0xcf8, 8, bench.add(pci), 0, 4);
    PciHostBridge bridge = bench.add(new PciHostBridge());
    pci.attach(0, bridge);
    VirtioDevice[] devices = {board.disk, board.console, board.entropy, board.network};
    for (int i = 0; i < devices.length; i++) {
      int slot = i + 1;
      pci.attach(
          slot,
          bench.add(
              new VirtioPci(devices[i], board.memory, bar(slot), 11, bench.pic.connect(9 + slot))));
    }
    bench.add(new Behind(board));
    return bench;
  }
}

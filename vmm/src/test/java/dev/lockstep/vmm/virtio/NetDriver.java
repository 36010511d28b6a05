package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.net.MacAddress;
import java.util.ArrayList;
import java.util.List;

/** A driver of a virtio network device, with the device and its board: three rings, and a buffer for each of their descriptors. */
final class NetDriver implements AutoCloseable {
  static final int SIZE = 16;
  static final int BUFFER_BYTES = 0x800;
  static final long ANNOUNCES = VirtioNet.F_CTRL_VQ | VirtioNet.F_GUEST_ANNOUNCE;

  /** CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN, HOST_TSO4, HOST_TSO6, HOST_ECN (virtio 1.2, section 5.1.3). */
  static final long OFFLOADS = 1 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 11 | 1 << 12 | 1 << 13;

  static final MacAddress ADDRESS = MacAddress.parse("52:54:00:12:34:56");

  private static final long RINGS = 0x10_0000;
  private static final long BUFFERS = 0x20_0000;

  final DiskBench bench = new DiskBench();
  final GuestMemory memory = bench.memory;
  final List<byte[]> sent = new ArrayList<>();
  final VirtioNet device;
  final VirtioPci function;
  final Driver driver;
  final Driver.Ring[] rings = new Driver.Ring[3];

  /** With a device without offloads. */
  NetDriver() {
    this(false);
  }

  NetDriver(boolean offloading) {
    device = new VirtioNet(memory, ADDRESS, offloading, sent::add);
    function = bench.attach(device, 1);
    driver = new Driver(bench.bench.bus, memory, 1);
  }

  /** Sets the device up, from a reset on. */
  NetDriver start(long features) {
    if (!driver.begin(Driver.VERSION_1 | features)) {
      throw new AssertionError("features %#x were refused".formatted(features));
    }
    for (int i = 0; i < rings.length; i++) {
      rings[i] = driver.ring(i, SIZE, RINGS + i * 0x4000L, (features & Driver.EVENT_INDEX) != 0);
    }
    driver.ready();
    return this;
  }

  Driver.Ring receive() {
    return rings[0];
  }

  Driver.Ring transmit() {
    return rings[1];
  }

  Driver.Ring control() {
    return rings[2];
  }

  /** Where the buffer of a ring's descriptor is. */
  static long buffer(int ring, int descriptor) {
    return BUFFERS + (long) (ring * SIZE + descriptor) * BUFFER_BYTES;
  }

  /** Offers buffers to receive into, one descriptor each. */
  void offerBuffers(int count, int bytes) {
    for (int i = 0; i < count; i++) {
      int id = receive().available % SIZE;
      receive().descriptor(id, buffer(0, id), bytes, Driver.WRITE, 0);
      receive().offer(id);
    }
    receive().kick();
  }

  /** Sends a frame behind an empty header, cut into pieces of those lengths; the rest is the last. */
  void send(byte[] frame, int... pieces) {
    byte[] bytes = new byte[VirtioNet.HEADER_BYTES + frame.length];
    System.arraycopy(frame, 0, bytes, VirtioNet.HEADER_BYTES, frame.length);
    int at = 0;
    for (int i = 0; i <= pieces.length; i++) {
      int length = i < pieces.length ? pieces[i] : bytes.length - at;
      memory.write(buffer(1, i), bytes, at, length);
      transmit().descriptor(i, buffer(1, i), length, i < pieces.length ? Driver.NEXT : 0, i + 1);
      at += length;
    }
    transmit().offer(0);
    transmit().kick();
  }

  /** Gives a command; the answer. */
  int command(int... octets) {
    for (int i = 0; i < octets.length; i++) {
      memory.write8(buffer(2, 0) + i, octets[i]);
    }
    memory.write8(buffer(2, 1), 0xff);
    control().descriptor(0, buffer(2, 0), octets.length, Driver.NEXT, 1);
    control().descriptor(1, buffer(2, 1), 1, Driver.WRITE, 0);
    control().offer(0);
    control().kick();
    return memory.read8(buffer(2, 1));
  }

  boolean broken() {
    return (driver.status() & 0x40) != 0;
  }

  byte[] bytes(long address, int length) {
    byte[] bytes = new byte[length];
    memory.read(address, bytes, 0, length);
    return bytes;
  }

  @Override
  public void close() {
    bench.close();
  }
}

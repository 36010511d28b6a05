package dev.lockstep.vmm.virtio;

/** A driver of a virtio disk: requests in slots, each with its own descriptors and buffer. */
final class BlockDriver {
  static final int IN = 0;
  static final int OUT = 1;
  static final int FLUSH = 4;
  static final int GET_ID = 8;
  static final int WRITE_ZEROES = 13;
  static final long F_FLUSH = 1 << 9;
  static final long F_WRITE_ZEROES = 1 << 14;
  static final int BUFFER_BYTES = 0x2000;

  final Driver driver;
  final Driver.Ring ring;
  private final long buffers;

  /**
   * @param base of the ring; buffers follow it
   */
  BlockDriver(Driver driver, long features, int size, long base) {
    this.driver = driver;
    this.ring = driver.start(features, size, base);
    this.buffers = base + 0x2000;
  }

  /** Takes up a ring that was set up before. */
  BlockDriver(Driver driver, Driver.Ring ring) {
    this.driver = driver;
    this.ring = ring;
    this.buffers = ring.base + 0x2000;
  }

  long header(int slot) {
    return buffers + (long) slot * (BUFFER_BYTES + 0x1000);
  }

  long data(int slot) {
    return header(slot) + 0x1000;
  }

  long status(int slot) {
    return header(slot) + 16;
  }

  /** Builds a request of three descriptors, 3 * slot and on, and offers it. */
  int offer(int slot, int type, long sector, int bytes) {
    writeHeader(slot, type, sector);
    int head = 3 * slot;
    int direction = type == IN || type == GET_ID ? Driver.WRITE : 0;
    ring.descriptor(head, header(slot), 16, Driver.NEXT, bytes == 0 ? head + 2 : head + 1);
    ring.descriptor(head + 1, data(slot), bytes, direction | Driver.NEXT, head + 2);
    ring.descriptor(head + 2, status(slot), 1, Driver.WRITE, 0);
    ring.offer(head);
    return head;
  }

  void writeHeader(int slot, int type, long sector) {
    driver.memory.write32(header(slot), type);
    driver.memory.write32(header(slot) + 4, 0);
    driver.memory.write64(header(slot) + 8, sector);
    driver.memory.write8(status(slot), 0xff);
  }

  void fill(int slot, byte[] bytes) {
    driver.memory.write(data(slot), bytes, 0, bytes.length);
  }

  byte[] bytes(int slot, int length) {
    byte[] bytes = new byte[length];
    driver.memory.read(data(slot), bytes, 0, length);
    return bytes;
  }

  int result(int slot) {
    return driver.memory.read8(status(slot));
  }
}

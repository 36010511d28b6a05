package dev.lockstep.vmm.virtio;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.bus.Bus;

/**
 * A guest's driver of one virtio device: finds it and sets it up through PCI, and works its split rings
 * in guest memory. Speaks to the device through the bus only.
 */
final class Driver {
  static final int NEXT = 1;
  static final int WRITE = 2;
  static final int INDIRECT = 4;
  static final long VERSION_1 = 1L << 32;
  static final long EVENT_INDEX = 1L << 29;
  static final long INDIRECT_FEATURE = 1L << 28;

  private static final int ACKNOWLEDGE = 1;
  private static final int DRIVER = 2;
  private static final int DRIVER_OK = 4;
  private static final int FEATURES_OK = 8;

  final Bus bus;
  final GuestMemory memory;
  final int slot;
  private long common;
  private long notify;
  private long isr;
  private long device;
  private int notifyMultiplier;

  Driver(Bus bus, GuestMemory memory, int slot) {
    this.bus = bus;
    this.memory = memory;
    this.slot = slot;
    findStructures();
  }

  /** A ring that this driver works. */
  final class Ring {
    final int index;
    final int size;
    final long base;
    final boolean eventIndex;
    int available;
    int used;

    Ring(int index, int size, long base, boolean eventIndex) {
      this.index = index;
      this.size = size;
      this.base = base;
      this.eventIndex = eventIndex;
    }

    long descriptors() {
      return base;
    }

    long availableRing() {
      return base + 16L * size;
    }

    long usedRing() {
      return base + 0x1000;
    }

    void descriptor(int index, long address, int length, int flags, int next) {
      putDescriptor(descriptors(), index, address, length, flags, next);
    }

    /** Makes a chain available, without notifying. */
    void offer(int head) {
      memory.write16(availableRing() + 4 + 2L * (available % size), head);
      available = available + 1 & 0xffff;
      memory.write16(availableRing() + 2, available);
    }

    void kick() {
      bus.writeMmio(notify + (long) notifyMultiplier * notifyOffset(index), 2, index);
    }

    boolean hasUsed() {
      return memory.read16(usedRing() + 2) != used;
    }

    /** Takes a used element: head in the upper half, bytes written in the lower. */
    long takeUsed() {
      long at = usedRing() + 4 + 8L * (used % size);
      used = used + 1 & 0xffff;
      if (eventIndex) {
        memory.write16(availableRing() + 4 + 2L * size, used);
      }
      return (long) memory.read32(at) << 32 | memory.read32(at + 4) & 0xffff_ffffL;
    }

    int usedIndex() {
      return memory.read16(usedRing() + 2);
    }
  }

  void putDescriptor(long table, int index, long address, int length, int flags, int next) {
    long at = table + 16L * index;
    memory.write64(at, address);
    memory.write32(at + 8, length);
    memory.write16(at + 12, flags);
    memory.write16(at + 14, next);
  }

  int readConfig(int register, int width) {
    bus.writePort(0xcf8, 4, 0x8000_0000 | slot << 11 | register & 0xfc);
    return bus.readPort(0xcfc + (register & 3), width);
  }

  void writeConfig(int register, int width, int value) {
    bus.writePort(0xcf8, 4, 0x8000_0000 | slot << 11 | register & 0xfc);
    bus.writePort(0xcfc + (register & 3), width, value);
  }

  private void findStructures() {
    long bar = readConfig(0x10, 4) & 0xffff_fff0L;
    for (int at = readConfig(0x34, 1); at != 0; at = readConfig(at + 1, 1)) {
      if (readConfig(at, 1) != 9) {
        continue;
      }
      long start = bar + (readConfig(at + 8, 4) & 0xffff_ffffL);
      switch (readConfig(at + 3, 1)) {
        case 1 -> common = start;
        case 2 -> {
          notify = start;
          notifyMultiplier = readConfig(at + 16, 4);
        }
        case 3 -> isr = start;
        case 4 -> device = start;
        default -> {
          // The window through configuration space is not needed here.
        }
      }
    }
  }

  int status() {
    return (int) bus.readMmio(common + 0x14, 1);
  }

  void setStatus(int value) {
    bus.writeMmio(common + 0x14, 1, value);
  }

  long offered() {
    bus.writeMmio(common, 4, 0);
    long low = bus.readMmio(common + 4, 4);
    bus.writeMmio(common, 4, 1);
    return bus.readMmio(common + 4, 4) << 32 | low;
  }

  void accept(long features) {
    bus.writeMmio(common + 8, 4, 0);
    bus.writeMmio(common + 0x0c, 4, features & 0xffff_ffffL);
    bus.writeMmio(common + 8, 4, 1);
    bus.writeMmio(common + 0x0c, 4, features >>> 32);
  }

  /** Reset, features, up to and without DRIVER_OK; whether the device took the features. */
  boolean begin(long features) {
    setStatus(0);
    setStatus(ACKNOWLEDGE);
    setStatus(ACKNOWLEDGE | DRIVER);
    accept(features);
    setStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK);
    return (status() & FEATURES_OK) != 0;
  }

  void ready() {
    setStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
  }

  int queues() {
    return (int) bus.readMmio(common + 0x12, 2);
  }

  int queueSize(int index) {
    bus.writeMmio(common + 0x16, 2, index);
    return (int) bus.readMmio(common + 0x18, 2);
  }

  private int notifyOffset(int index) {
    bus.writeMmio(common + 0x16, 2, index);
    return (int) bus.readMmio(common + 0x1e, 2);
  }

  void place(int index, int size, long descriptors, long available, long used) {
    bus.writeMmio(common + 0x16, 2, index);
    bus.writeMmio(common + 0x18, 2, size);
    address(0x20, descriptors);
    address(0x28, available);
    address(0x30, used);
    bus.writeMmio(common + 0x1c, 2, 1);
  }

  private void address(int field, long address) {
    bus.writeMmio(common + field, 4, address & 0xffff_ffffL);
    bus.writeMmio(common + field + 4, 4, address >>> 32);
  }

  /** A cleared ring in two pages from {@code base} on, enabled. */
  Ring ring(int index, int size, long base, boolean eventIndex) {
    memory.write(base, new byte[0x2000], 0, 0x2000);
    Ring ring = new Ring(index, size, base, eventIndex);
    place(index, size, ring.descriptors(), ring.availableRing(), ring.usedRing());
    return ring;
  }

  /** The whole set-up of a device with one ring. */
  Ring start(long features, int size, long base) {
    if (!begin(features | VERSION_1)) {
      throw new AssertionError("features %#x were refused".formatted(features));
    }
    Ring ring = ring(0, size, base, (features & EVENT_INDEX) != 0);
    ready();
    return ring;
  }

  int readIsr() {
    return (int) bus.readMmio(isr, 1);
  }

  long deviceConfig(int offset, int width) {
    return bus.readMmio(device + offset, width);
  }

  long commonRead(int offset, int width) {
    return bus.readMmio(common + offset, width);
  }

  void commonWrite(int offset, int width, long value) {
    bus.writeMmio(common + offset, width, value);
  }

  long notifyAddress() {
    return notify;
  }
}

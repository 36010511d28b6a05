package dev.lockstep.vmm.pci;

import dev.lockstep.vmm.device.InterruptLine;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;

/**
 * The 256 bytes of configuration space of a function with a type 0 header (PCI Local Bus
 * Specification 3.0, chapter 6): which bits the guest can write, 32-bit memory BARs, capabilities,
 * and the interrupt pin with its status and disable bits.
 */
public final class PciConfigSpace {
  /** Bytes of configuration space. */
  public static final int BYTES = 256;

  /** How many BARs a type 0 header has. */
  public static final int BARS = 6;

  private static final int VENDOR_ID = 0x00;
  private static final int DEVICE_ID = 0x02;
  private static final int COMMAND = 0x04;
  private static final int STATUS = 0x06;
  private static final int REVISION = 0x08;
  private static final int CACHE_LINE_SIZE = 0x0c;
  private static final int LATENCY_TIMER = 0x0d;
  private static final int BAR0 = 0x10;
  private static final int SUBSYSTEM_VENDOR = 0x2c;
  private static final int SUBSYSTEM_ID = 0x2e;
  private static final int CAPABILITIES = 0x34;
  private static final int INTERRUPT_LINE = 0x3c;
  private static final int INTERRUPT_PIN = 0x3d;
  private static final int FIRST_CAPABILITY = 0x40;

  private static final int COMMAND_MEMORY = 0x0002;
  private static final int COMMAND_WRITABLE = 0x0547;
  private static final int COMMAND_INTX_DISABLE = 0x0400;
  private static final int STATUS_INTERRUPT = 0x08;
  private static final int STATUS_CAPABILITIES = 0x10;

  private final byte[] bytes = new byte[BYTES];
  private final byte[] writable = new byte[BYTES];
  private final int[] barSize = new int[BARS];
  private InterruptLine line = InterruptLine.UNCONNECTED;
  private Runnable barListener = () -> {};
  private int nextCapability = FIRST_CAPABILITY;
  private int lastCapability;

  /**
   * A function without BARs, capabilities or interrupt, with memory decoding on, as firmware would
   * leave it.
   *
   * @param vendor vendor identifier, 16 bits
   * @param device device identifier, 16 bits
   * @param classCode class, subclass and programming interface, 24 bits
   * @param revision 8 bits
   */
  public PciConfigSpace(int vendor, int device, int classCode, int revision) {
    put(VENDOR_ID, 2, vendor);
    put(DEVICE_ID, 2, device);
    put(REVISION, 4, (long) classCode << 8 | revision);
    put(COMMAND, 2, COMMAND_MEMORY);
    allow(COMMAND, 2, COMMAND_WRITABLE);
    allow(CACHE_LINE_SIZE, 1, 0xff);
    allow(LATENCY_TIMER, 1, 0xff);
    allow(INTERRUPT_LINE, 1, 0xff);
  }

  /** Sets the subsystem's identifiers. */
  public PciConfigSpace subsystem(int vendor, int id) {
    put(SUBSYSTEM_VENDOR, 2, vendor);
    put(SUBSYSTEM_ID, 2, id);
    return this;
  }

  /**
   * Connects pin INTA#.
   *
   * @param irq what the interrupt line register says at the start
   * @param line what the pin drives
   */
  public PciConfigSpace interrupt(int irq, InterruptLine line) {
    this.line = line;
    put(INTERRUPT_LINE, 1, irq);
    put(INTERRUPT_PIN, 1, 1);
    return this;
  }

  /**
   * Adds a 32-bit memory BAR, not prefetchable.
   *
   * @param bar 0..5
   * @param size bytes; a power of two, at least 16
   * @param address where it is at the start; a multiple of the size
   */
  public PciConfigSpace memoryBar(int bar, int size, long address) {
    if (Integer.bitCount(size) != 1 || size < 16 || (address & size - 1) != 0) {
      throw new IllegalArgumentException("BAR %d of %#x at %#x".formatted(bar, size, address));
    }
    barSize[bar] = size;
    put(BAR0 + 4 * bar, 4, address);
    allow(BAR0 + 4 * bar, 4, -(long) size & 0xffff_ffffL);
    return this;
  }

  /**
   * Appends a capability to the list.
   *
   * @param id the capability's identifier
   * @param body its bytes after identifier and next pointer
   * @return where it begins
   */
  public int addCapability(int id, byte[] body) {
    int at = nextCapability;
    if (at + 2 + body.length > BYTES) {
      throw new IllegalStateException("capability %#x does not fit".formatted(id));
    }
    put(at, 1, id);
    System.arraycopy(body, 0, bytes, at + 2, body.length);
    if (lastCapability == 0) {
      put(CAPABILITIES, 1, at);
      bytes[STATUS] |= STATUS_CAPABILITIES;
    } else {
      put(lastCapability + 1, 1, at);
    }
    lastCapability = at;
    nextCapability = at + 2 + body.length + 3 & ~3;
    return at;
  }

  /** Lets the guest write some bits of a register. */
  public void allow(int register, int width, long mask) {
    for (int i = 0; i < width; i++) {
      writable[register + i] = (byte) (mask >>> 8 * i);
    }
  }

  /** A guest's read; beyond the end, all ones. */
  public long read(int register, int width) {
    if (register + width > BYTES) {
      return -1;
    }
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= (bytes[register + i] & 0xffL) << 8 * i;
    }
    return value;
  }

  /** A guest's write: changes the writable bits only. */
  public void write(int register, int width, long value) {
    for (int i = 0; i < width && register + i < BYTES; i++) {
      int mask = writable[register + i] & 0xff;
      int old = bytes[register + i] & 0xff;
      bytes[register + i] = (byte) (old & ~mask | (int) (value >>> 8 * i) & mask);
    }
    driveLine();
  }

  /** Sets or clears the interrupt status, and drives the pin as the command register allows. */
  public void setInterrupt(boolean pending) {
    if (pending) {
      bytes[STATUS] |= STATUS_INTERRUPT;
    } else {
      bytes[STATUS] &= ~STATUS_INTERRUPT;
    }
    driveLine();
  }

  private void driveLine() {
    boolean pending = (bytes[STATUS] & STATUS_INTERRUPT) != 0;
    line.set(pending && (read(COMMAND, 2) & COMMAND_INTX_DISABLE) == 0);
  }

  /** Who is told that a restore may have moved a BAR. */
  void onRestored(Runnable listener) {
    barListener = listener;
  }

  /** Bytes of a BAR; 0 if the function does not have it. */
  public int barSize(int bar) {
    return barSize[bar];
  }

  /** Where a BAR is now, or -1 where memory decoding is off or the BAR is not there. */
  public long barAddress(int bar) {
    if (barSize[bar] == 0 || (read(COMMAND, 2) & COMMAND_MEMORY) == 0) {
      return -1;
    }
    return read(BAR0 + 4 * bar, 4) & -barSize[bar];
  }

  private void put(int register, int width, long value) {
    for (int i = 0; i < width; i++) {
      bytes[register + i] = (byte) (value >>> 8 * i);
    }
  }

  /** Saves what the guest can change. */
  public void save(StateWriter out) {
    out.bytes("config", bytes);
  }

  /**
   * Restores; drives nothing, but BARs are decoded where they are now. A function with other fixed
   * registers is refused.
   */
  public void restore(StateReader in) {
    byte[] saved = in.bytes("config", BYTES);
    for (int i = 0; i < BYTES; i++) {
      int fixed = ~(writable[i] | (i == STATUS ? STATUS_INTERRUPT : 0)) & 0xff;
      if (((saved[i] ^ bytes[i]) & fixed) != 0) {
        throw in.unfit(
            "config",
            "has %#04x in register %#x, this function %#04x"
                .formatted(saved[i] & 0xff, i, bytes[i] & 0xff));
      }
    }
    System.arraycopy(saved, 0, bytes, 0, BYTES);
    barListener.run();
  }
}

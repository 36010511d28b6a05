package dev.lockstep.vmm.bus;

import dev.lockstep.vmm.device.Device;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The decoder of the two address spaces of I/O: ports and memory-mapped registers. A window shows a
 * stretch of a device's offsets; windows of one space never overlap.
 *
 * <p>An access that lies in one window and is no wider than its device takes is one call; any other
 * is split into bytes, lowest address first, each decoded by itself (as an ISA bridge does). A byte
 * that no window covers reads as 0xff; a write there has no effect. Both are counted and can be
 * traced.
 *
 * <p>Owned by the vCPU's thread. Windows and counters are not part of the guest-visible state:
 * fixed windows follow from the layout, movable ones from the PCI devices' registers.
 */
public final class Bus {
  private static final int PORTS = 0x1_0000;
  private static final int PAGE = 256;

  /** A stretch of one address space and the device behind it. */
  private record Window(long first, long size, Device device, int firstOffset, int maxWidth) {
    boolean covers(long address, int width) {
      return Long.compareUnsigned(address - first, size) < 0 && size - (address - first) >= width;
    }

    int offset(long address) {
      return firstOffset + (int) (address - first);
    }
  }

  private final @Nullable Window[][] ports = new Window[PORTS / PAGE][];
  private final List<Window> mmio = new ArrayList<>();
  private @Nullable Window lastMmio;
  private @Nullable BusTrace trace;
  private long unmappedReads;
  private long unmappedWrites;

  /**
   * Shows a device at ports.
   *
   * @param firstPort 0..0xffff
   * @param count ports, at least 1
   * @param device who answers
   * @param firstOffset the device's offset behind {@code firstPort}
   * @param maxWidth bytes the device takes at once: 1, 2 or 4
   * @throws IllegalStateException if a port is taken already, naming both devices
   */
  public void mapPorts(int firstPort, int count, Device device, int firstOffset, int maxWidth) {
    if (firstPort < 0 || count < 1 || firstPort + count > PORTS) {
      throw new IllegalArgumentException("ports %#x+%d".formatted(firstPort, count));
    }
    Window window = new Window(firstPort, count, device, firstOffset, checkedWidth(maxWidth));
    for (int port = firstPort; port < firstPort + count; port++) {
      Window taken = portWindow(port);
      if (taken != null) {
        throw new IllegalStateException(
            "port %#x of device '%s' is taken by device '%s'"
                .formatted(port, device.kind(), taken.device().kind()));
      }
    }
    for (int port = firstPort; port < firstPort + count; port++) {
      @Nullable Window[] page = ports[port / PAGE];
      if (page == null) {
        page = new Window[PAGE];
        ports[port / PAGE] = page;
      }
      page[port % PAGE] = window;
    }
  }

  /**
   * Shows a device at guest-physical addresses that have no memory behind them (that is the
   * caller's to know: an address with memory never comes to the bus).
   *
   * @param base first guest-physical address
   * @param size bytes, at least 1
   * @param device who answers
   * @param firstOffset the device's offset behind {@code base}
   * @param maxWidth bytes the device takes at once: 1, 2, 4 or 8
   * @throws IllegalStateException if an address is taken already, naming both devices
   */
  public void mapMmio(long base, long size, Device device, int firstOffset, int maxWidth) {
    Window taken = overlapping(base, size);
    if (taken != null) {
      throw new IllegalStateException(
          "address %#x+%#x of device '%s' is taken by device '%s'"
              .formatted(base, size, device.kind(), taken.device().kind()));
    }
    mmio.add(new Window(base, size, device, firstOffset, checkedWidth(maxWidth)));
    mmio.sort(Comparator.comparingLong(Window::first));
  }

  /**
   * As {@link #mapMmio}, for a window that the guest placed: where it would overlap, nothing is
   * mapped, for a guest's mistake is not ours.
   *
   * @return whether it was mapped
   */
  public boolean tryMapMmio(long base, long size, Device device, int firstOffset, int maxWidth) {
    if (base < 0 || size > Long.MAX_VALUE - base || overlapping(base, size) != null) {
      return false;
    }
    mapMmio(base, size, device, firstOffset, maxWidth);
    return true;
  }

  /**
   * Takes away the window that was mapped at exactly this base for this device, if there is one.
   */
  public void unmapMmio(long base, Device device) {
    mmio.removeIf(window -> window.first() == base && window.device() == device);
    lastMmio = null;
  }

  /** Who is told of unanswered accesses; null for nobody. */
  public void setTrace(@Nullable BusTrace trace) {
    this.trace = trace;
  }

  /** Bytes read where no device answers, since the start of this process. */
  public long unmappedReads() {
    return unmappedReads;
  }

  /** Bytes written where no device answers, since the start of this process. */
  public long unmappedWrites() {
    return unmappedWrites;
  }

  /**
   * IN.
   *
   * @param port 0..0xffff
   * @param width bytes: 1, 2 or 4
   * @return zero-extended from {@code width} bytes
   */
  public int readPort(int port, int width) {
    Window window = portWindow(port);
    if (window != null && width <= window.maxWidth() && window.covers(port, width)) {
      return (int) (window.device().read(window.offset(port), width) & mask(width));
    }
    int value = 0;
    for (int i = 0; i < width; i++) {
      value |= (int) readByte(BusTrace.Space.PORT, (port + i) & 0xffff) << (8 * i);
    }
    return value;
  }

  /**
   * OUT.
   *
   * @param port 0..0xffff
   * @param width bytes: 1, 2 or 4
   * @param value bits above {@code width} are ignored
   */
  public void writePort(int port, int width, int value) {
    Window window = portWindow(port);
    if (window != null && width <= window.maxWidth() && window.covers(port, width)) {
      window.device().write(window.offset(port), width, value & mask(width));
      return;
    }
    for (int i = 0; i < width; i++) {
      writeByte(BusTrace.Space.PORT, (port + i) & 0xffff, (value >>> (8 * i)) & 0xff);
    }
  }

  /**
   * A load from an address without memory.
   *
   * @param address guest-physical
   * @param width bytes: 1 to 8
   * @return zero-extended from {@code width} bytes
   */
  public long readMmio(long address, int width) {
    Window window = mmioWindow(address);
    if (window != null && whole(window, address, width)) {
      return window.device().read(window.offset(address), width) & mask(width);
    }
    long value = 0;
    for (int i = 0; i < width; i++) {
      value |= readByte(BusTrace.Space.MMIO, address + i) << (8 * i);
    }
    return value;
  }

  /**
   * A store to an address without memory.
   *
   * @param address guest-physical
   * @param width bytes: 1 to 8
   * @param value bits above {@code width} are ignored
   */
  public void writeMmio(long address, int width, long value) {
    Window window = mmioWindow(address);
    if (window != null && whole(window, address, width)) {
      window.device().write(window.offset(address), width, value & mask(width));
      return;
    }
    for (int i = 0; i < width; i++) {
      writeByte(BusTrace.Space.MMIO, address + i, (value >>> (8 * i)) & 0xff);
    }
  }

  private static boolean whole(Window window, long address, int width) {
    return width <= window.maxWidth()
        && Integer.bitCount(width) == 1
        && window.covers(address, width);
  }

  private long readByte(BusTrace.Space space, long address) {
    Window window = window(space, address);
    if (window != null) {
      return window.device().read(window.offset(address), 1) & 0xff;
    }
    unmappedReads++;
    report(space, address, false);
    return 0xff;
  }

  private void writeByte(BusTrace.Space space, long address, long value) {
    Window window = window(space, address);
    if (window != null) {
      window.device().write(window.offset(address), 1, value);
      return;
    }
    unmappedWrites++;
    report(space, address, true);
  }

  private void report(BusTrace.Space space, long address, boolean write) {
    BusTrace told = trace;
    if (told != null) {
      told.unmapped(space, address, 1, write);
    }
  }

  private @Nullable Window window(BusTrace.Space space, long address) {
    return space == BusTrace.Space.PORT ? portWindow((int) address) : mmioWindow(address);
  }

  private @Nullable Window portWindow(int port) {
    Objects.checkIndex(port, PORTS);
    @Nullable Window[] page = ports[port / PAGE];
    return page == null ? null : page[port % PAGE];
  }

  private @Nullable Window mmioWindow(long address) {
    Window last = lastMmio;
    if (last != null && last.covers(address, 1)) {
      return last;
    }
    for (int i = 0; i < mmio.size(); i++) {
      Window window = mmio.get(i);
      if (window.covers(address, 1)) {
        lastMmio = window;
        return window;
      }
    }
    return null;
  }

  private @Nullable Window overlapping(long base, long size) {
    if (base < 0 || size < 1 || size > Long.MAX_VALUE - base) {
      throw new IllegalArgumentException("addresses %#x+%#x".formatted(base, size));
    }
    for (Window window : mmio) {
      if (base < window.first() + window.size() && window.first() < base + size) {
        return window;
      }
    }
    return null;
  }

  private static int checkedWidth(int maxWidth) {
    if (maxWidth < 1 || maxWidth > 8 || Integer.bitCount(maxWidth) != 1) {
      throw new IllegalArgumentException("width " + maxWidth);
    }
    return maxWidth;
  }

  private static long mask(int width) {
    return width == 8 ? -1L : (1L << (8 * width)) - 1;
  }
}

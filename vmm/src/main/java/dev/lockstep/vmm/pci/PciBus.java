package dev.lockstep.vmm.pci;

import dev.lockstep.vmm.bus.Bus;
import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.PowerControl;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * PCI bus 0 behind configuration mechanism 1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2),
 * and the windows of its functions' BARs, which follow what the guest writes. Where a guest puts
 * one BAR over another, the later one is not decoded.
 *
 * <p>Offsets: 0..3 the address register, taken as 32 bits only; 4..7 the data register; and at 1,
 * as a byte, the reset control register of Intel's chipsets (0xcf9).
 */
public final class PciBus implements Device {
  private static final int VERSION = 1;
  private static final int SLOTS = 32;
  private static final int ENABLE = 0x8000_0000;
  private static final int ADDRESS_WRITABLE = 0x80ff_fffc;
  private static final int RESET_CONTROL = 1;
  private static final int RESET_CPU = 0x04;
  private static final int BAR_WIDTH = 4;
  private static final long UNMAPPED = -1;

  private final Bus bus;
  private final PowerControl power;
  private final @Nullable PciFunction[] functions = new PciFunction[SLOTS];
  private final long[] mappedAt = new long[SLOTS];
  private int address;

  /**
   * An empty bus.
   *
   * @param bus where BARs are decoded
   * @param power asked for a reset by the reset control register
   */
  public PciBus(Bus bus, PowerControl power) {
    this.bus = bus;
    this.power = power;
    Arrays.fill(mappedAt, UNMAPPED);
  }

  /**
   * Puts a function into a slot, as function 0, and maps its BAR 0.
   *
   * @param slot 0..31
   */
  public void attach(int slot, PciFunction function) {
    if (functions[slot] != null) {
      throw new IllegalStateException("PCI slot %d is taken".formatted(slot));
    }
    functions[slot] = function;
    function.config().onRestored(this::remap);
    remap();
  }

  @Override
  public String kind() {
    return "pci";
  }

  @Override
  public long read(int offset, int width) {
    if (offset >= 4) {
      PciFunction function = selected();
      return function == null ? -1 : function.readConfig(register(offset), width);
    }
    return offset == 0 && width == 4 ? address : -1;
  }

  @Override
  public void write(int offset, int width, long value) {
    if (offset >= 4) {
      writeData(offset, width, value);
    } else if (offset == 0 && width == 4) {
      address = (int) value & ADDRESS_WRITABLE;
    } else if (offset == RESET_CONTROL && width == 1 && (value & RESET_CPU) != 0) {
      power.requestReset("port cf9h");
    }
  }

  private void writeData(int offset, int width, long value) {
    PciFunction function = selected();
    if (function != null) {
      function.writeConfig(register(offset), width, value);
      remap();
    }
  }

  private int slot() {
    return address >>> 11 & 0x1f;
  }

  private int register(int offset) {
    return (address & 0xfc) + (offset - 4);
  }

  private @Nullable PciFunction selected() {
    boolean here = (address & ENABLE) != 0 && (address & 0x00ff_0700) == 0;
    return here ? functions[slot()] : null;
  }

  /**
   * Maps every BAR 0 anew if one of them is not where its register says. Always in the order of
   * slots, so that what is decoded follows from the registers alone, not from how they came to be
   * so.
   */
  private void remap() {
    boolean same = true;
    for (int slot = 0; slot < SLOTS; slot++) {
      same &= mappedAt[slot] == wanted(slot);
    }
    if (same) {
      return;
    }
    unmapAll();
    for (int slot = 0; slot < SLOTS; slot++) {
      PciFunction function = functions[slot];
      long wanted = wanted(slot);
      if (function != null
          && wanted != UNMAPPED
          && bus.tryMapMmio(wanted, function.config().barSize(0), function, 0, BAR_WIDTH)) {
        mappedAt[slot] = wanted;
      }
    }
  }

  private long wanted(int slot) {
    PciFunction function = functions[slot];
    return function == null ? UNMAPPED : function.config().barAddress(0);
  }

  private void unmapAll() {
    for (int slot = 0; slot < SLOTS; slot++) {
      PciFunction function = functions[slot];
      if (function != null && mappedAt[slot] != UNMAPPED) {
        bus.unmapMmio(mappedAt[slot], function);
      }
      mappedAt[slot] = UNMAPPED;
    }
  }

  @Override
  public DeviceState save() {
    return new StateWriter(kind(), VERSION).number("address", address).state();
  }

  @Override
  public void restore(DeviceState state) {
    StateReader in = state.reader(kind(), VERSION);
    address = (int) in.number("address");
    in.end();
  }
}

package dev.lockstep.vmm.bus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Decoding of ports and addresses. */
class BusTest {
  private final Bus bus = new Bus();
  private final List<String> seen = new ArrayList<>();

  /** Tells its name and offset, and answers with its offsets as bytes. */
  private final class Echo implements Device {
    private final String name;

    Echo(String name) {
      this.name = name;
    }

    @Override
    public String kind() {
      return name;
    }

    @Override
    public long read(int offset, int width) {
      seen.add("%s read %d %d".formatted(name, offset, width));
      long value = 0;
      for (int i = 0; i < width; i++) {
        value |= (offset + i & 0xffL) << 8 * i;
      }
      return value;
    }

    @Override
    public void write(int offset, int width, long value) {
      seen.add("%s write %d %d %x".formatted(name, offset, width, value));
    }

    @Override
    public DeviceState save() {
      return new StateWriter(name, 1).state();
    }

    @Override
    public void restore(DeviceState state) {}
  }

  @Test
  void windowsShowOffsets() {
    Device device = new Echo("a");
    bus.mapPorts(0x100, 4, device, 0x10, 4);
    bus.mapPorts(0x61, 1, device, 0x20, 1);
    assertThat(bus.readPort(0x102, 1)).isEqualTo(0x12);
    assertThat(bus.readPort(0x100, 4)).isEqualTo(0x13121110);
    assertThat(bus.readPort(0x61, 1)).isEqualTo(0x20);
    bus.writePort(0x102, 2, 0xfffe1234);
    assertThat(seen)
        .containsExactly("a read 18 1", "a read 16 4", "a read 32 1", "a write 18 2 1234");
  }

  @Test
  void whatIsTooWideOrCrossesIsSplitIntoBytes() {
    bus.mapPorts(0x100, 2, new Echo("a"), 0, 1);
    bus.mapPorts(0x102, 2, new Echo("b"), 0x40, 4);
    assertThat(bus.readPort(0x100, 4)).isEqualTo(0x41400100);
    bus.writePort(0x103, 2, 0x1122);
    assertThat(seen)
        .containsExactly(
            "a read 0 1", "a read 1 1", "b read 64 1", "b read 65 1", "b write 65 1 22");
    assertThat(bus.unmappedWrites()).isEqualTo(1);
  }

  @Test
  void unansweredAccessesReadOnesAndAreCountedAndTraced() {
    List<String> trace = new ArrayList<>();
    bus.setTrace((space, address, width, write) ->
        trace.add("%s %x %d %b".formatted(space, address, width, write)));
    assertThat(bus.readPort(0x300, 2)).isEqualTo(0xffff);
    assertThat(bus.readPort(0x300, 4)).isEqualTo(-1);
    bus.writePort(0xffff, 1, 0);
    assertThat(bus.readMmio(0xd000_0000L, 8)).isEqualTo(-1);
    bus.writeMmio(0xd000_0000L, 1, 0);
    assertThat(bus.unmappedReads()).isEqualTo(14);
    assertThat(bus.unmappedWrites()).isEqualTo(2);
    assertThat(trace)
        .startsWith("PORT 300 1 false", "PORT 301 1 false")
        .contains("PORT ffff 1 true");
    assertThat(trace).hasSize(16).endsWith("MMIO d0000000 1 true");
  }

  @Test
  void portsWrapAround() {
    bus.mapPorts(0, 1, new Echo("low"), 7, 1);
    assertThat(bus.readPort(0xffff, 2)).isEqualTo(0x07ff);
  }

  @Test
  void overlapsAreRefusedNamingBoth() {
    bus.mapPorts(0x100, 8, new Echo("first"), 0, 1);
    assertThatThrownBy(() -> bus.mapPorts(0x107, 1, new Echo("second"), 0, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("first")
        .hasMessageContaining("second")
        .hasMessageContaining("0x107");
    bus.mapMmio(0x1000, 0x1000, new Echo("first"), 0, 4);
    assertThatThrownBy(() -> bus.mapMmio(0x1fff, 1, new Echo("second"), 0, 4))
        .isInstanceOf(IllegalStateException.class);
    assertThat(bus.tryMapMmio(0xfff, 2, new Echo("second"), 0, 4)).isFalse();
    assertThat(bus.tryMapMmio(0x2000, 2, new Echo("second"), 0, 4)).isTrue();
  }

  @Test
  void memoryWindowsMove() {
    Echo device = new Echo("a");
    bus.mapMmio(0x1000, 0x100, device, 0, 8);
    assertThat(bus.readMmio(0x1008, 8)).isEqualTo(0x0f0e0d0c0b0a0908L);
    assertThat(bus.readMmio(0x1008, 3)).isEqualTo(0x0a0908);
    bus.unmapMmio(0x1000, new Echo("other"));
    assertThat(bus.readMmio(0x1001, 1)).isEqualTo(1);
    bus.unmapMmio(0x1000, device);
    assertThat(bus.readMmio(0x1001, 1)).isEqualTo(0xff);
    bus.mapMmio(0x5000, 0x100, device, 0, 4);
    assertThat(bus.readMmio(0x5004, 8)).as("two words").isEqualTo(0x0b0a090807060504L);
    assertThat(bus.readMmio(0x50ff, 2)).isEqualTo(0xffff);
  }
}

package dev.lockstep.vmm.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.Bench;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateReader;
import dev.lockstep.vmm.device.StateWriter;
import org.junit.jupiter.api.Test;

/** Configuration mechanism 1 and BARs, as Linux's PCI core uses them. */
class PciBusTest {
  private static final long BAR = 0xe000_0000L;

  private final Bench bench = new Bench().initialisedPic();
  private final PciBus pci = new PciBus(bench.bus, bench);
  private final Card first = new Card("first", BAR);
  private final Card second = new Card("second", BAR + 0x10_0000);

  PciBusTest() {
    bench.bus.mapPorts(0xcf8, 8, pci, 0, 4);
    pci.attach(0, new PciHostBridge());
    pci.attach(3, first);
    pci.attach(5, second);
  }

  /** A function whose BAR reads as its offsets. */
  private final class Card implements PciFunction {
    private final String name;
    private final PciConfigSpace config;

    Card(String name, long address) {
      this.name = name;
      config =
          new PciConfigSpace(0x1af4, 0x1042, 0x010000, 1)
              .subsystem(0x1af4, 0x40)
              .interrupt(10, bench.pic.connect(10))
              .memoryBar(0, 0x1000, address);
      config.addCapability(9, new byte[] {1, 2, 3});
      config.addCapability(5, new byte[] {4});
    }

    @Override
    public PciConfigSpace config() {
      return config;
    }

    @Override
    public String kind() {
      return name;
    }

    @Override
    public long read(int offset, int width) {
      return name.length() << 16 | offset;
    }

    @Override
    public void write(int offset, int width, long value) {}

    @Override
    public DeviceState save() {
      StateWriter out = new StateWriter(name, 1);
      config.save(out);
      return out.state();
    }

    @Override
    public void restore(DeviceState state) {
      StateReader in = state.reader(name, 1);
      config.restore(in);
      in.end();
    }
  }

  private void select(int slot, int register) {
    bench.bus.writePort(0xcf8, 4, 0x8000_0000 | slot << 11 | register & 0xfc);
  }

  private int read(int slot, int register, int width) {
    select(slot, register);
    return bench.bus.readPort(0xcfc + (register & 3), width);
  }

  private void write(int slot, int register, int width, int value) {
    select(slot, register);
    bench.bus.writePort(0xcfc + (register & 3), width, value);
  }

  /** arch/x86/pci/direct.c, pci_check_type1() and pci_sanity_check(). */
  @Test
  void linuxFindsMechanismOne() {
    bench.bus.writePort(0xcfb, 1, 1);
    int before = bench.bus.readPort(0xcf8, 4);
    bench.bus.writePort(0xcf8, 4, 0x8000_0000);
    assertThat(bench.bus.readPort(0xcf8, 4)).isEqualTo(0x8000_0000);
    bench.bus.writePort(0xcf8, 4, before);
    assertThat(read(0, 0x0a, 2)).as("a host bridge").isEqualTo(0x0600);
  }

  @Test
  void readsInEveryWidth() {
    assertThat(read(3, 0, 4)).isEqualTo(0x1042_1af4);
    assertThat(read(3, 2, 2)).isEqualTo(0x1042);
    assertThat(read(3, 0x0b, 1)).isEqualTo(0x01);
    assertThat(read(3, 0x0e, 1)).as("one function, type 0").isZero();
    assertThat(read(3, 0x2c, 4)).isEqualTo(0x0040_1af4);
    assertThat(read(3, 0x3c, 2)).as("line 10, INTA#").isEqualTo(0x010a);
  }

  @Test
  void whereNothingIsAllOnes() {
    assertThat(read(4, 0, 4)).isEqualTo(-1);
    bench.bus.writePort(0xcf8, 4, 0x8000_0000 | 3 << 11 | 1 << 8);
    assertThat(bench.bus.readPort(0xcfc, 4)).as("function 1").isEqualTo(-1);
    bench.bus.writePort(0xcf8, 4, 0x8001_0000 | 3 << 11);
    assertThat(bench.bus.readPort(0xcfc, 4)).as("bus 1").isEqualTo(-1);
    bench.bus.writePort(0xcf8, 4, 3 << 11);
    assertThat(bench.bus.readPort(0xcfc, 4)).as("not enabled").isEqualTo(-1);
  }

  @Test
  void theCapabilityListCanBeWalked() {
    assertThat(read(3, 0x06, 2) & 0x10).isEqualTo(0x10);
    int at = read(3, 0x34, 1);
    assertThat(read(3, at, 1)).isEqualTo(9);
    assertThat(read(3, at + 4, 1)).isEqualTo(3);
    int next = read(3, at + 1, 1);
    assertThat(read(3, next, 1)).isEqualTo(5);
    assertThat(read(3, next + 1, 1)).isZero();
  }

  @Test
  void barsCanBeSizedAndMoved() {
    assertThat(read(3, 0x10, 4)).isEqualTo((int) BAR);
    assertThat(bench.bus.readMmio(BAR + 4, 4)).isEqualTo(5 << 16 | 4);
    write(3, 0x04, 2, 0);
    assertThat(bench.bus.readMmio(BAR + 4, 4)).as("decoding is off").isEqualTo(0xffff_ffffL);
    write(3, 0x10, 4, -1);
    assertThat(read(3, 0x10, 4)).isEqualTo(0xffff_f000);
    assertThat(read(3, 0x14, 4)).as("no such BAR").isZero();
    write(3, 0x10, 4, 0xd000_0000);
    write(3, 0x04, 2, 2);
    assertThat(bench.bus.readMmio(0xd000_0004L, 4)).isEqualTo(5 << 16 | 4);
    assertThat(bench.bus.readMmio(BAR + 4, 4)).isEqualTo(0xffff_ffffL);
  }

  @Test
  void barsOverOneAnotherDoNotHarm() {
    write(5, 0x10, 4, (int) BAR);
    assertThat(bench.bus.readMmio(BAR, 4)).as("the lower slot").isEqualTo(5 << 16);
    write(3, 0x10, 4, 0xd000_0000);
    assertThat(bench.bus.readMmio(BAR, 4)).as("the other shows through").isEqualTo(6 << 16);
    write(3, 0x10, 4, (int) BAR);
    assertThat(bench.bus.readMmio(BAR, 4)).as("whoever came first").isEqualTo(5 << 16);
  }

  @Test
  void onlyWritableBitsChange() {
    write(3, 0, 4, 0);
    write(3, 0x34, 4, -1);
    write(3, 0x3c, 2, 0xff05);
    write(3, 0x04, 2, 0xffff);
    assertThat(read(3, 0, 4)).isEqualTo(0x1042_1af4);
    assertThat(read(3, 0x34, 1)).isEqualTo(0x40);
    assertThat(read(3, 0x3c, 2)).isEqualTo(0x0105);
    assertThat(read(3, 0x04, 2)).isEqualTo(0x0547);
  }

  @Test
  void theInterruptPinHasStatusAndDisable() {
    first.config().setInterrupt(true);
    assertThat(bench.pic.interruptPending()).isTrue();
    assertThat(read(3, 0x06, 2) & 8).isEqualTo(8);
    write(3, 0x04, 2, 0x402);
    assertThat(bench.pic.interruptPending()).isFalse();
    write(3, 0x04, 2, 0x002);
    assertThat(bench.pic.interruptPending()).isTrue();
    first.config().setInterrupt(false);
    assertThat(bench.pic.interruptPending()).isFalse();
  }

  @Test
  void theResetControlRegisterResets() {
    bench.bus.writePort(0xcf9, 1, 0x02);
    assertThat(bench.effects).isEmpty();
    bench.bus.writePort(0xcf9, 1, 0x06);
    assertThat(bench.effects.toString()).contains("cf9h");
  }

  @Test
  void restoredBarsAreDecodedWhereTheyAre() {
    DeviceState before = first.save();
    DeviceState busBefore = pci.save();
    write(3, 0x10, 4, 0xd000_0000);
    DeviceState moved = first.save();
    pci.restore(busBefore);
    first.restore(before);
    assertThat(bench.bus.readMmio(BAR, 4)).isEqualTo(5 << 16);
    first.restore(moved);
    assertThat(bench.bus.readMmio(0xd000_0000L, 4)).isEqualTo(5 << 16);
    assertThatThrownBy(() -> second.restore(first.save())).isInstanceOf(VmmException.class);
  }

  @Test
  void aStateWithOtherFixedRegistersIsRefused() {
    StateWriter out = new StateWriter("first", 1);
    new PciConfigSpace(0x1af4, 0x1041, 0x020000, 1).save(out);
    assertThatThrownBy(() -> first.restore(out.state()))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("'config'")
        .hasMessageContaining("register 0x2");
  }
}

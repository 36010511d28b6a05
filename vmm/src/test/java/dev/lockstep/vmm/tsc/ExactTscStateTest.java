package dev.lockstep.vmm.tsc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.device.Bench;
import dev.lockstep.vmm.device.Continuations;
import dev.lockstep.vmm.device.Device;
import dev.lockstep.vmm.device.DeviceState;
import dev.lockstep.vmm.device.StateWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ExactTscStateTest {
  private static Bench bench() {
    Bench bench = new Bench();
    bench.add(new ExactTsc());
    return bench;
  }

  private static ExactTsc in(Bench bench) {
    for (Device device : bench.devices) {
      if (device instanceof ExactTsc it) {
        return it;
      }
    }
    throw new AssertionError("none on the bench");
  }

  private static Object begin(Bench bench, long cr4) {
    CpuState state = new CpuState();
    state.cr4 = cr4;
    in(bench).begin(state);
    return Long.toHexString(state.cr4);
  }

  private static Object patch(Bench bench, int... original) {
    byte[] bytes = new byte[original.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) original[i];
    }
    in(bench)
        .stopAt(
            new EntryPatch(0x1000, new byte[] {(byte) 0x90, (byte) 0x90}),
            new EntryPatch(0x2000, bytes));
    return in(bench).counts();
  }

  @Test
  void continuesFromEveryState() {
    Continuations.check(
        ExactTscStateTest::bench,
        List.of(
            bench -> begin(bench, 0x20),
            bench -> patch(bench, 0x41, 0x57),
            bench -> begin(bench, 0x24),
            bench -> patch(bench, 0x55, 0x48, 0x89, 0xe5),
            bench -> in(bench).read(0, 4)));
  }

  @Test
  void theGuestBeginsWithTheBitHeld() {
    assertThat(begin(bench(), 0x20)).isEqualTo("24");
  }

  @Test
  void aStateThatIsNotPossibleIsRefused() {
    DeviceState state =
        new StateWriter("exact-tsc", 1)
            .number("fault_entry", 0)
            .number("module_entry", 0)
            .bytes("module_original", new byte[100])
            .state();
    assertThatThrownBy(() -> new ExactTsc().restore(state))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("module_original");
  }
}

package dev.lockstep.vmm.device;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any bytes are a state, which comes back when it is written again, or are refused as {@link VmmException}. A device of that kind takes it or refuses it so; if it has taken it, its registers can be worked and time
 * can pass.
 */
class DeviceStateFuzzTest {
  private static final int STEPS = 64;
  private static final long STEP_NANOS = 1_000_000;

  static Stream<byte[]> seeds() {
    return devices(new Bench()).stream().map(device -> device.save().encode());
  }

  private static List<Device> devices(Bench bench) {
    return List.of(
        bench.pic,
        new Uart16550(bench.pic.connect(4), bench),
        new Pit8254(bench.time(), bench.pic.connect(0)),
        new I8042(bench.pic.connect(1), bench),
        new PmTimer(bench.time()));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void aStateOrRefused(byte[] data) {
    DeviceState state;
    try {
      state = DeviceState.decode(data);
    } catch (VmmException e) {
      return;
    }
    assertThat(DeviceState.decode(state.encode())).isEqualTo(state);
    Bench bench = new Bench();
    for (Device device : devices(bench)) {
      if (device.kind().equals(state.kind())) {
        List<Device> taken = new ArrayList<>();
        try {
          device.restore(state);
          taken.add(device);
        } catch (VmmException e) {
          assertThat(e.advice()).isNotBlank();
        }
        taken.forEach(it -> work(it, bench));
      }
    }
  }

  private static void work(Device device, Bench bench) {
    DeviceState taken = device.save();
    device.restore(taken);
    assertThat(device.save().differences(taken)).isEmpty();
    for (int i = 0; i < STEPS; i++) {
      device.read(i % 8, 1);
      device.write(i % 8, 1, i * 37L & 0xff);
      if (device instanceof TimedDevice timed) {
        bench.now += STEP_NANOS;
        timed.advance(bench.now);
        timed.nextDeadlineNanos();
      }
    }
    bench.takeInterrupts();
  }
}

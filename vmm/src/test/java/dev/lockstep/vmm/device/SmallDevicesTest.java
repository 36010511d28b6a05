package dev.lockstep.vmm.device;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The PM timer, the time-stamp port, the debug-exit port and the POST code latch. */
class SmallDevicesTest {
  private final Bench bench = new Bench();

  @Test
  void thePmTimerCountsInTwentyFourBits() {
    bench.bus.mapPorts(0x608, 4, bench.add(new PmTimer(bench.time())), 0, 4);
    assertThat(bench.bus.readPort(0x608, 4)).isZero();
    bench.now = 1_000_000_000L;
    assertThat(bench.bus.readPort(0x608, 4)).isEqualTo(3_579_545);
    assertThat(bench.in(0x609)).isEqualTo(3_579_545 >> 8 & 0xff);
    bench.bus.writePort(0x608, 4, 0);
    assertThat(bench.bus.readPort(0x608, 4)).isEqualTo(3_579_545);
    bench.now = Ticks.toNanos(0x100_0000, PmTimer.FREQUENCY_HZ) - 1;
    assertThat(bench.bus.readPort(0x608, 4)).isEqualTo(0xff_ffff);
    bench.now++;
    assertThat(bench.bus.readPort(0x608, 4)).isZero();
  }

  @Test
  void theTimeStampPortShowsVirtualTimeInTwoHalves() {
    TscPort tsc = new TscPort(bench.time());
    bench.bus.mapPorts(0xe0, 4, bench.add(tsc), 0, 4);
    bench.now = 0x1_2345_6789_abcdL;
    assertThat(bench.bus.readPort(0xe0, 4)).isEqualTo(0x6789_abcd);
    assertThat(bench.in(0xe1)).isEqualTo(0xab);
    assertThat(tsc.high()).isEqualTo(0x1_2345);
    bench.bus.writePort(0xe0, 4, 0);
    assertThat(bench.bus.readPort(0xe0, 4)).isEqualTo(0x6789_abcd);
  }

  @Test
  void theDebugExitPortEndsTheMachine() {
    bench.bus.mapPorts(0xf4, 1, bench.add(new DebugExit(bench)), 0, 4);
    assertThat(bench.in(0xf4)).isZero();
    bench.out(0xf4, 42);
    assertThat(bench.effects.toString()).isEqualTo("exit 42 ");
  }

  @Test
  void thePostCodeIsKept() {
    bench.bus.mapPorts(0x80, 1, bench.add(new PostCode()), 0, 1);
    bench.out(0x80, 0x5a);
    assertThat(bench.in(0x80)).isEqualTo(0x5a);
  }
}

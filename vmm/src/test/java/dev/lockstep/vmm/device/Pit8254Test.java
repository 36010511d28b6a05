package dev.lockstep.vmm.device;

import static dev.lockstep.vmm.device.Continuations.in;
import static dev.lockstep.vmm.device.Continuations.interrupts;
import static dev.lockstep.vmm.device.Continuations.out;
import static dev.lockstep.vmm.device.Continuations.pass;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The 8254 on the board: interrupts in virtual time, latches, and system control port B. */
class Pit8254Test {
  private static final long SECOND = 1_000_000_000L;

  private final Bench bench = bench();

  private static Bench bench() {
    Bench bench = new Bench().initialisedPic();
    Pit8254 pit = bench.add(new Pit8254(bench.time(), bench.pic.connect(0)));
    bench.bus.mapPorts(0x40, 4, pit, 0, 1);
    bench.bus.mapPorts(0x61, 1, pit, 4, 1);
    return bench;
  }

  private void passTicks(long ticks) {
    bench.pass(
        Ticks.toNanos(Ticks.ofNanos(bench.now, Pit8254.FREQUENCY_HZ) + ticks, Pit8254.FREQUENCY_HZ)
            - bench.now);
  }

  private void count(int channel, int count) {
    bench.out(0x40 + channel, count & 0xff);
    bench.out(0x40 + channel, count >> 8);
  }

  @Test
  void ticksAreExactForAYear() {
    for (long ticks : new long[] {0, 1, 2, 1_193_181, 1_193_182, 37_627_787_952_000L}) {
      long nanos = Ticks.toNanos(ticks, Pit8254.FREQUENCY_HZ);
      assertThat(Ticks.ofNanos(nanos, Pit8254.FREQUENCY_HZ)).isEqualTo(ticks);
      assertThat(Ticks.ofNanos(nanos - 1, Pit8254.FREQUENCY_HZ)).isEqualTo(ticks - 1);
    }
    assertThat(Ticks.ofNanos(365 * 86_400 * SECOND, 1_193_182))
        .isEqualTo(365L * 86_400 * 1_193_182);
  }

  @Test
  void rateGeneratorInterruptsAtItsRate() {
    bench.out(0x43, 0x34);
    // OUT was low and goes high with the control word, which is an edge too.
    assertThat(bench.takeInterrupts()).containsExactly(0x20);
    count(0, 11_932);
    int interrupts = 0;
    for (int i = 0; i < 1000; i++) {
      bench.pass(SECOND / 1000);
      interrupts += bench.takeInterrupts().size();
    }
    assertThat(interrupts).isEqualTo(1_193_182 / 11_932);
  }

  @Test
  void periodsThatNobodyTookAreOneInterrupt() {
    bench.out(0x43, 0x34);
    count(0, 1000);
    bench.now = SECOND;
    ((TimedDevice) bench.devices.get(1)).advance(bench.now);
    assertThat(bench.takeInterrupts()).containsExactly(0x20);
    assertThat(bench.nextDeadline()).isGreaterThan(SECOND).isLessThan(SECOND + 1_000_000);
  }

  @Test
  void oneShotInterruptsOnceAfterTheStrobe() {
    bench.out(0x43, 0x38);
    assertThat(bench.takeInterrupts()).as("OUT goes high").containsExactly(0x20);
    count(0, 100);
    passTicks(100);
    assertThat(bench.takeInterrupts()).isEmpty();
    // Loaded with the next pulse, low for the pulse at zero, and high after it.
    passTicks(1 + 1);
    assertThat(bench.takeInterrupts()).containsExactly(0x20);
    bench.pass(SECOND);
    assertThat(bench.takeInterrupts()).isEmpty();
    assertThat(bench.nextDeadline()).isEqualTo(TimedDevice.NO_DEADLINE);
  }

  @Test
  void terminalCountRaisesAndNewCountLowers() {
    bench.out(0x43, 0x30);
    count(0, 50);
    passTicks(51);
    assertThat(bench.pic.interruptPending()).isTrue();
    count(0, 50);
    assertThat(bench.pic.interruptPending()).as("OUT is low again").isFalse();
  }

  @Test
  void theStateDoesNotDependOnHowOftenTimeIsLookedAt() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("Pit8254Test seed " + seed);
    Random random = new Random(seed);
    for (int run = 0; run < 50; run++) {
      Bench often = bench();
      Bench seldom = bench();
      int mode = random.nextInt(6);
      int count = 2 + random.nextInt(2000);
      for (Bench one : List.of(often, seldom)) {
        one.out(0x43, 0x30 | mode << 1);
        one.out(0x40, count & 0xff);
        one.out(0x40, count >> 8);
      }
      long target = random.nextLong(10_000_000);
      while (often.now < target) {
        often.now = Math.min(target, often.now + 1 + random.nextInt(100_000));
        ((TimedDevice) often.devices.get(1)).advance(often.now);
      }
      seldom.now = target;
      ((TimedDevice) seldom.devices.get(1)).advance(target);
      assertThat(often.devices.get(1).save().differences(seldom.devices.get(1).save()))
          .as("mode %d count %d to %d", mode, count, target)
          .isEmpty();
      assertThat(often.pic.save().differences(seldom.pic.save())).isEmpty();
    }
  }

  @Test
  void aLatchedCountStaysWhileTheCounterRuns() {
    bench.out(0x43, 0x34);
    count(0, 50_000);
    passTicks(1 + 1000);
    bench.out(0x43, 0x00);
    passTicks(500);
    bench.out(0x43, 0x00);
    assertThat(bench.in(0x40) | bench.in(0x40) << 8).isEqualTo(49_000);
    assertThat(bench.in(0x40) | bench.in(0x40) << 8).as("live again").isEqualTo(48_500);
  }

  @Test
  void readBackLatchesStatusBeforeCount() {
    bench.out(0x43, 0xb6);
    bench.out(0x61, 0x01);
    bench.out(0x43, 0xe8);
    assertThat(bench.in(0x42)).as("null count, OUT high, mode 3, both bytes").isEqualTo(0xf6);
    count(2, 1000);
    passTicks(1 + 10);
    bench.out(0x43, 0xc8);
    assertThat(bench.in(0x42)).isEqualTo(0xb6);
    assertThat(bench.in(0x42) | bench.in(0x42) << 8).isEqualTo(980);
  }

  /** What Linux asks where there is no time-stamp counter to draw from (arch/x86/lib/kaslr.c): again and again until the null count is off. */
  @Test
  void channelZeroHasACountAtPowerOn() {
    bench.out(0x43, 0xc2);
    assertThat(bench.in(0x40) & 0x40).as("null count").isZero();
    assertThat(bench.in(0x40) | bench.in(0x40) << 8).as("the count").isZero();
    bench.pass(SECOND);
    assertThat(bench.takeInterrupts()).isEmpty();
  }

  @Test
  void countsInDecimal() {
    bench.out(0x43, 0x35);
    count(0, 0x1000);
    passTicks(2);
    bench.out(0x43, 0x00);
    assertThat(bench.in(0x40) | bench.in(0x40) << 8).isEqualTo(0x0999);
  }

  @Test
  void portBGatesChannelTwoAndShowsItsOutput() {
    bench.out(0x61, 0x02);
    bench.out(0x43, 0xb0);
    count(2, 1000);
    passTicks(2000);
    assertThat(bench.in(0x61) & 0x2f).as("the gate is low").isEqualTo(0x02);
    bench.out(0x61, 0x01);
    passTicks(999);
    assertThat(bench.in(0x61) & 0x20).isZero();
    passTicks(1);
    assertThat(bench.in(0x61) & 0x2f).isEqualTo(0x21);
  }

  @Test
  void portBShowsRefresh() {
    int first = bench.in(0x61) & 0x10;
    passTicks(18);
    assertThat(bench.in(0x61) & 0x10).isNotEqualTo(first);
    passTicks(18);
    assertThat(bench.in(0x61) & 0x10).isEqualTo(first);
  }

  @Test
  void savedAtEveryStep() {
    Continuations.check(
        Pit8254Test::bench,
        List.of(
            out(0x43, 0x34),
            out(0x40, 0x10),
            pass(5000),
            out(0x40, 0x27),
            pass(10_000_000),
            interrupts(),
            out(0x43, 0xc2),
            in(0x40),
            in(0x40),
            pass(1234),
            in(0x40),
            out(0x40, 0x99),
            out(0x40, 0x01),
            pass(9_000_000),
            interrupts(),
            out(0x43, 0xb6),
            out(0x42, 0x0b),
            out(0x61, 0x03),
            out(0x42, 0x00),
            pass(3000),
            in(0x61),
            out(0x61, 0x00),
            in(0x42),
            pass(2000),
            out(0x61, 0x01),
            in(0x42),
            out(0x43, 0x38),
            out(0x40, 0x00),
            out(0x40, 0x80),
            pass(30_000_000),
            interrupts()));
  }
}

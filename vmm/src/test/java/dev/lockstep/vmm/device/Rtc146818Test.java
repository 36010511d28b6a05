package dev.lockstep.vmm.device;

import static dev.lockstep.vmm.device.Continuations.in;
import static dev.lockstep.vmm.device.Continuations.interrupts;
import static dev.lockstep.vmm.device.Continuations.out;
import static dev.lockstep.vmm.device.Continuations.pass;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** The MC146818A by its data sheet. */
class Rtc146818Test {
  private static final long SECOND = 1_000_000_000L;
  private static final long MILLI = 1_000_000L;

  private static Bench bench(LocalDateTime wall) {
    Bench bench = new Bench().initialisedPic();
    long nanos = wall.toEpochSecond(ZoneOffset.UTC) * SECOND + wall.getNano();
    Rtc146818 rtc =
        bench.add(new Rtc146818(bench.time(), bench.pic.connect(8), nanos, 0xc000_0000L, 5L << 30));
    bench.bus.mapPorts(0x70, 2, rtc, 0, 1);
    return bench;
  }

  private final Bench bench = bench(LocalDateTime.of(2026, 2, 28, 23, 59, 58));

  private static int read(Bench bench, int register) {
    bench.out(0x70, register);
    return bench.in(0x71);
  }

  private int read(int register) {
    return read(bench, register);
  }

  private void write(int register, int value) {
    bench.out(0x70, register);
    bench.out(0x71, value);
  }

  /** Century, year, month, day, weekday, hours, minutes, seconds, in hexadecimal. */
  private static String calendar(Bench bench) {
    StringBuilder text = new StringBuilder();
    for (int register : new int[] {0x32, 9, 8, 7, 6, 4, 2, 0}) {
      text.append("%02x ".formatted(read(bench, register)));
    }
    return text.toString().strip();
  }

  @Test
  void showsTheWallClockAndCarriesItOn() {
    assertThat(calendar(bench)).isEqualTo("20 26 02 28 07 23 59 58");
    bench.pass(2 * SECOND - 1);
    assertThat(calendar(bench)).isEqualTo("20 26 02 28 07 23 59 59");
    bench.pass(1);
    assertThat(calendar(bench)).isEqualTo("20 26 03 01 01 00 00 00");
  }

  @Test
  void leapDaysAndCenturies() {
    Bench leap = bench(LocalDateTime.of(2028, 2, 28, 23, 59, 59));
    leap.pass(SECOND);
    assertThat(calendar(leap)).isEqualTo("20 28 02 29 03 00 00 00");
    Bench century = bench(LocalDateTime.of(2099, 12, 31, 23, 59, 59));
    century.pass(SECOND);
    assertThat(calendar(century)).isEqualTo("21 00 01 01 06 00 00 00");
  }

  @Test
  void binaryAndTwelveHours() {
    write(0x0b, 0x06);
    assertThat(calendar(bench)).isEqualTo("14 1a 02 1c 07 17 3b 3a");
    write(0x0b, 0x04);
    assertThat(read(4)).isEqualTo(0x8b);
    write(0x0b, 0x00);
    assertThat(read(4)).isEqualTo(0x91);
    Bench noon = bench(LocalDateTime.of(2026, 1, 1, 12, 0));
    noon.out(0x70, 0x0b);
    noon.out(0x71, 0);
    assertThat(read(noon, 4)).isEqualTo(0x92);
    noon.pass(12 * 3600 * SECOND);
    assertThat(read(noon, 4)).isEqualTo(0x12);
  }

  /** drivers/rtc/rtc-mc146818-lib.c, mc146818_set_time(). */
  @Test
  void linuxSetsTheTime() {
    int control = read(0x0b);
    write(0x0b, control | 0x80);
    int frequency = read(0x0a);
    write(0x0a, frequency | 0x70);
    bench.pass(SECOND);
    assertThat(calendar(bench)).as("stands").isEqualTo("20 26 02 28 07 23 59 58");
    write(0x09, 0x24);
    write(0x08, 0x12);
    write(0x07, 0x31);
    write(0x04, 0x23);
    write(0x02, 0x59);
    write(0x00, 0x59);
    write(0x0b, control);
    write(0x0a, frequency);
    assertThat(calendar(bench)).isEqualTo("20 24 12 31 07 23 59 59");
    bench.pass(SECOND / 2 - 1);
    assertThat(read(0)).isEqualTo(0x59);
    bench.pass(1);
    assertThat(calendar(bench))
        .as("the first update comes half a second after the dividers were let go")
        .isEqualTo("20 25 01 01 01 00 00 00");
  }

  @Test
  void writingWithoutStoppingMovesTheClock() {
    write(0x04, 0x05);
    assertThat(calendar(bench)).isEqualTo("20 26 02 28 07 05 59 58");
    bench.pass(2 * SECOND);
    assertThat(calendar(bench)).isEqualTo("20 26 02 28 07 06 00 00");
  }

  @Test
  void theWallClockCanBeStepped() {
    ((Rtc146818) bench.devices.get(1)).step(1500 * MILLI);
    assertThat(read(0)).isEqualTo(0x59);
    bench.pass(500 * MILLI);
    assertThat(calendar(bench)).isEqualTo("20 26 03 01 01 00 00 00");
  }

  @Test
  void updateInProgressWarns() {
    bench.pass(SECOND - 244_001);
    assertThat(read(0x0a)).isEqualTo(0x26);
    bench.pass(1);
    assertThat(read(0x0a)).isEqualTo(0xa6);
    bench.pass(244_000);
    assertThat(read(0x0a)).isEqualTo(0x26);
  }

  @Test
  void updateEndedInterrupts() {
    write(0x0b, 0x12);
    bench.pass(SECOND - 1);
    assertThat(bench.pic.interruptPending()).isFalse();
    bench.pass(1);
    assertThat(bench.takeInterrupts()).containsExactly(0x28);
    bench.pass(3 * SECOND);
    assertThat(bench.takeInterrupts()).as("held until register C is read").isEmpty();
    assertThat(read(0x0c))
        .as(
            "requested, by update; the periodic flag is up as well, and midnight was the alarm's time")
        .isEqualTo(0xf0);
  }

  @Test
  void readingRegisterCClearsIt() {
    write(0x0b, 0x12);
    bench.pass(SECOND);
    assertThat(read(0x0c) & 0x90).isEqualTo(0x90);
    assertThat(read(0x0c)).isZero();
    bench.takeInterrupts();
    bench.pass(SECOND);
    assertThat(bench.takeInterrupts()).containsExactly(0x28);
  }

  @Test
  void flagsComeUpWithoutInterrupts() {
    bench.pass(10);
    assertThat(read(0x0c)).isZero();
    bench.pass(MILLI);
    assertThat(read(0x0c)).isEqualTo(0x40);
    bench.pass(SECOND);
    assertThat(read(0x0c)).isEqualTo(0x50);
    assertThat(bench.takeInterrupts()).isEmpty();
    bench.pass(SECOND);
    write(0x0b, 0x12);
    assertThat(bench.takeInterrupts()).as("a flag that is up interrupts").containsExactly(0x28);
  }

  @Test
  void periodicInterruptsAtEachRate() {
    // Data sheet, table 5, for 32.768 kHz.
    double[] hertz = {0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2};
    for (int rate = 0; rate < hertz.length; rate++) {
      Bench fresh = bench(LocalDateTime.of(2026, 1, 1, 0, 0));
      fresh.out(0x70, 0x0a);
      fresh.out(0x71, 0x20 | rate);
      fresh.out(0x70, 0x0b);
      fresh.out(0x71, 0x42);
      int seen = 0;
      while (fresh.nextDeadline() <= SECOND) {
        fresh.pass(fresh.nextDeadline() - fresh.now);
        seen += fresh.takeInterrupts().size();
        read(fresh, 0x0c);
      }
      assertThat(seen).as("rate %d", rate).isEqualTo((int) hertz[rate]);
    }
  }

  private void alarm(int hours, int minutes, int seconds) {
    write(5, hours);
    write(3, minutes);
    write(1, seconds);
    write(0x0b, 0x22);
  }

  @Test
  void alarmAtATime() {
    alarm(0x00, 0x00, 0x10);
    bench.pass(12 * SECOND - 1);
    assertThat(bench.takeInterrupts()).isEmpty();
    bench.pass(1);
    assertThat(bench.takeInterrupts()).containsExactly(0x28);
    assertThat(read(0x0c) & 0xa0).isEqualTo(0xa0);
    bench.pass(86_400 * SECOND - 1);
    assertThat(bench.takeInterrupts()).isEmpty();
    bench.pass(1);
    assertThat(bench.takeInterrupts()).as("again the next day").containsExactly(0x28);
  }

  @Test
  void alarmWithDontCares() {
    alarm(0xff, 0xff, 0x05);
    bench.pass(7 * SECOND);
    assertThat(bench.takeInterrupts()).containsExactly(0x28);
    read(0x0c);
    bench.pass(60 * SECOND);
    assertThat(bench.takeInterrupts()).as("once a minute").containsExactly(0x28);
    read(0x0c);
    alarm(0xc0, 0xff, 0xff);
    bench.pass(SECOND);
    assertThat(bench.takeInterrupts()).as("once a second").containsExactly(0x28);
  }

  @Test
  void anAlarmThatIsNoTimeNeverComes() {
    alarm(0x25, 0x00, 0x00);
    assertThat(bench.nextDeadline()).isEqualTo(TimedDevice.NO_DEADLINE);
    bench.pass(2 * 86_400 * SECOND);
    assertThat(read(0x0c) & 0x20).isZero();
  }

  @Test
  void aStoppedClockNeitherUpdatesNorAlarms() {
    alarm(0xff, 0xff, 0xff);
    write(0x0b, 0xb2);
    assertThat(read(0x0b)).as("SET clears the update interrupt's bit").isEqualTo(0xa2);
    bench.pass(5 * SECOND);
    assertThat(read(0x0c) & 0x30).isZero();
  }

  @Test
  void theStateDoesNotDependOnHowOftenTimeIsLookedAt() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("Rtc146818Test seed " + seed);
    Random random = new Random(seed);
    for (int run = 0; run < 50; run++) {
      Bench often = bench(LocalDateTime.of(2026, 1, 1, 0, 0));
      Bench seldom = bench(LocalDateTime.of(2026, 1, 1, 0, 0));
      int enabled = random.nextInt(8) << 4 | 2;
      for (Bench one : List.of(often, seldom)) {
        one.out(0x70, 0x0b);
        one.out(0x71, enabled);
      }
      long target = random.nextLong(5 * SECOND);
      while (often.now < target) {
        often.now = Math.min(target, often.now + 1 + random.nextInt(50_000_000));
        ((TimedDevice) often.devices.get(1)).advance(often.now);
      }
      seldom.now = target;
      ((TimedDevice) seldom.devices.get(1)).advance(target);
      assertThat(often.devices.get(1).save().differences(seldom.devices.get(1).save()))
          .as("enabled %#x to %d", enabled, target)
          .isEmpty();
    }
  }

  @Test
  void cmosMemoryTellsItsSize() {
    assertThat(read(0x0d)).isEqualTo(0x80);
    assertThat(read(0x15) | read(0x16) << 8).isEqualTo(640);
    assertThat(read(0x17) | read(0x18) << 8).isEqualTo(0xffff);
    assertThat(read(0x30) | read(0x31) << 8).isEqualTo(0xffff);
    assertThat((read(0x34) | read(0x35) << 8) * 64L * 1024 + (16 << 20)).isEqualTo(0xc000_0000L);
    assertThat((read(0x5b) | read(0x5c) << 8 | read(0x5d) << 16) * 64L * 1024).isEqualTo(5L << 30);
    int sum = 0;
    for (int i = 0x10; i <= 0x2d; i++) {
      sum += read(i);
    }
    assertThat(read(0x2e) << 8 | read(0x2f)).isEqualTo(sum);
    write(0x40, 0x77);
    assertThat(read(0x40)).isEqualTo(0x77);
    write(0x0d, 0);
    assertThat(read(0x0d)).isEqualTo(0x80);
  }

  @Test
  void savedAtEveryStep() {
    List<Function<Bench, Object>> script = new ArrayList<>();
    int[][] writes = {
      {0x0b, 0x72},
      {0x05, 0xff},
      {0x03, 0xff},
      {0x01, 0x02},
      {0x0a, 0x2f},
      {0x0b, 0x80},
      {0x04, 0x99},
      {0x09, 0x70},
      {0x0b, 0x36},
      {0x0a, 0x76},
      {0x00, 0x01},
      {0x0a, 0x26},
      {0x0b, 0x12},
      {0x50, 0x33}
    };
    for (int[] write : writes) {
      script.add(out(0x70, write[0]));
      script.add(out(0x71, write[1]));
      script.add(pass(731 * MILLI));
      script.add(interrupts());
      script.add(Rtc146818Test::calendar);
      script.add(out(0x70, 0x0c));
      script.add(in(0x71));
    }
    Continuations.check(() -> bench(LocalDateTime.of(2026, 12, 31, 23, 59, 57, 123)), script);
  }
}

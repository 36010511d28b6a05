package dev.lockstep.vmm.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The computed counter against one that is stepped clock by clock. */
class PitChannelTest {
  private static final int RUNS = 300;
  private static final int TICKS = 400;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5})
  void agreesWithTheSteppedCounter(int mode) {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("PitChannelTest mode " + mode + " seed " + seed);
    Random random = new Random(seed);
    for (int run = 0; run < RUNS; run++) {
      compare(random, mode, "mode %d run %d seed %d".formatted(mode, run, seed));
    }
  }

  private static void compare(Random random, int mode, String what) {
    boolean gate = random.nextInt(4) != 0;
    PitReference reference = new PitReference(gate);
    PitChannel channel = new PitChannel(gate);
    StringBuilder done = new StringBuilder(what);
    int access = 1 + random.nextInt(3);
    int control = access << 4 | mode << 1 | random.nextInt(2);
    reference.control(control);
    channel.writeControl(control, 0);
    done.append(" control %#x gate %b".formatted(control, gate));
    boolean wasLoaded = false;
    long change = channel.nextChange(0);
    boolean before = reference.out;
    for (long tick = 0; tick < TICKS; tick++) {
      if (tick > 0) {
        reference.clock();
        assertThat(reference.out != before)
            .as("%s: change at tick %d, predicted %d", done, tick, change)
            .isEqualTo(tick == change);
      }
      wasLoaded |= !reference.nullCount;
      if (random.nextInt(12) == 0) {
        act(random, reference, channel, tick, access, done);
      }
      assertThat(channel.out(tick)).as("%s: OUT at %d", done, tick).isEqualTo(reference.out);
      if (wasLoaded) {
        assertThat(count(channel, tick, access))
            .as("%s: count at %d", done, tick)
            .isEqualTo(part(reference.count(), access));
      }
      before = reference.out;
      change = channel.nextChange(tick);
    }
  }

  private static void act(
      Random random,
      PitReference reference,
      PitChannel channel,
      long tick,
      int access,
      StringBuilder done) {
    if (random.nextInt(3) == 0) {
      boolean high = random.nextBoolean();
      done.append(" %d:gate=%b".formatted(tick, high));
      reference.setGate(high);
      channel.setGate(high, tick);
      return;
    }
    // Mostly short counts, so that much happens; sometimes none of the digits is a decimal one.
    int value = random.nextInt(5) == 0 ? random.nextInt(256) : random.nextInt(20);
    if (access == 3) {
      int high = random.nextInt(6) == 0 ? random.nextInt(2) : 0;
      done.append(" %d:write=%#x".formatted(tick, high << 8 | value));
      reference.write(value);
      channel.writeCount(value, tick);
      reference.write(high);
      channel.writeCount(high, tick);
    } else {
      done.append(" %d:write=%#x".formatted(tick, value));
      reference.write(value);
      channel.writeCount(value, tick);
    }
  }

  private static int count(PitChannel channel, long tick, int access) {
    channel.latchCount(tick);
    int first = channel.read(tick);
    return access == 3 ? channel.read(tick) << 8 | first : first;
  }

  private static int part(int count, int access) {
    return switch (access) {
      case 1 -> count & 0xff;
      case 2 -> count >> 8;
      default -> count;
    };
  }

  @Test
  void theFirstByteOfTwoStopsMode0AtOnce() {
    PitChannel channel = new PitChannel(true);
    channel.writeControl(0x30, 0);
    channel.writeCount(5, 0);
    channel.writeCount(0, 0);
    assertThat(channel.out(6)).isTrue();
    assertThat(channel.out(7)).isTrue();
    channel.writeCount(9, 8);
    assertThat(channel.out(8)).isFalse();
    assertThat(channel.nextChange(8)).isEqualTo(PitChannel.NEVER);
    channel.writeCount(0, 20);
    assertThat(channel.nextChange(20)).isEqualTo(20 + 1 + 9);
  }
}

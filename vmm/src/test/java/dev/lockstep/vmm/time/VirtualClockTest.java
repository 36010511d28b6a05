package dev.lockstep.vmm.time;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class VirtualClockTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  @Test
  void theCountOfATimeIsTheFirstThatHasIt() {
    System.out.println("VirtualClockTest seed " + seed);
    for (int i = 0; i < 2000; i++) {
      VirtualClock clock = randomClock();
      long from = 1L << 40;
      clock.adjust(from, random.nextInt(1000), pace());
      long now = clock.nanosAt(from);
      long wanted = now + random.nextLong(1L << (1 + random.nextInt(44)));
      long count = clock.countAt(wanted);
      assertThat(clock.nanosAt(count)).as("seed %d", seed).isGreaterThanOrEqualTo(wanted);
      if (count > from) {
        assertThat(clock.nanosAt(count - 1)).as("seed %d", seed).isLessThan(wanted);
      }
    }
  }

  @Test
  void timeNeverGoesBackWhateverHappens() {
    VirtualClock clock = new VirtualClock();
    long count = 0;
    long before = 0;
    for (int i = 0; i < 100_000; i++) {
      count += random.nextLong(1L << random.nextInt(1, 40));
      long now = clock.nanosAt(count);
      assertThat(now).as("seed %d", seed).isGreaterThanOrEqualTo(before);
      switch (random.nextInt(3)) {
        case 0 -> clock.adjust(count, random.nextInt(1 << 20), 1 + random.nextInt(1 << 22));
        case 1 -> clock.jump(count, now + random.nextInt(-1000, 1 << 20));
        default -> {
          // Nothing.
        }
      }
      before = clock.nanosAt(count);
      assertThat(before).isGreaterThanOrEqualTo(now);
    }
  }

  @Test
  void aChangeOfPaceLosesNoTime() {
    VirtualClock whole = new VirtualClock();
    VirtualClock parts = new VirtualClock();
    long pace = 3 * VirtualClock.ONE_NANO / 7;
    whole.adjust(0, 0, pace);
    parts.adjust(0, 0, pace);
    for (long count = 1; count < 10_000; count += 1 + random.nextInt(5)) {
      parts.adjust(count, 0, pace);
      assertThat(parts.nanosAt(count)).as("seed %d", seed).isEqualTo(whole.nanosAt(count));
    }
  }

  @Test
  void yearsOfBranchesDoNotOverflow() {
    VirtualClock clock = new VirtualClock();
    clock.adjust(0, 0, 100 * VirtualClock.ONE_NANO);
    assertThat(clock.nanosAt(1L << 52)).isEqualTo(100L << 52);
  }

  @Test
  void aFarTimeIsAnsweredByACountBeforeIt() {
    VirtualClock clock = new VirtualClock();
    long far = 1L << 60;
    assertThat(clock.nanosAt(clock.countAt(far))).isLessThanOrEqualTo(far);
    assertThat(clock.countAt(far)).isPositive();
    assertThat(clock.countAt(Long.MAX_VALUE)).isEqualTo(VirtualClock.NEVER);
  }

  @Test
  void savedAndRestoredItGoesOnTheSame() throws IOException {
    for (int i = 0; i < 200; i++) {
      VirtualClock clock = randomClock();
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      clock.writeTo(new DataOutputStream(bytes));
      VirtualClock other = new VirtualClock();
      other.readFrom(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
      long count = (1L << 40) + random.nextLong(1L << 30);
      assertThat(other.nanosAt(count)).as("seed %d", seed).isEqualTo(clock.nanosAt(count));
      assertThat(other.pace()).isEqualTo(clock.pace());
    }
  }

  @Test
  void whatIsNoClockIsRefused() {
    VirtualClock clock = new VirtualClock();
    assertThatThrownBy(
            () -> clock.readFrom(new DataInputStream(new ByteArrayInputStream(new byte[32]))))
        .isInstanceOf(IOException.class);
    assertThatThrownBy(() -> clock.adjust(0, -1, 1)).isInstanceOf(IllegalStateException.class);
  }

  private VirtualClock randomClock() {
    VirtualClock clock = new VirtualClock();
    long count = 0;
    for (int i = random.nextInt(5); i > 0; i--) {
      count += random.nextLong(1L << 36);
      if (random.nextBoolean()) {
        clock.adjust(count, random.nextInt(1 << 20), pace());
      } else {
        clock.jump(count, clock.nanosAt(count) + random.nextInt(1 << 20));
      }
    }
    return clock;
  }

  private long pace() {
    return 1 + (random.nextLong() >>> (40 + random.nextInt(24)));
  }
}

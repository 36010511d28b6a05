package dev.lockstep.vmm.device;

import static dev.lockstep.vmm.device.Continuations.in;
import static dev.lockstep.vmm.device.Continuations.interrupts;
import static dev.lockstep.vmm.device.Continuations.out;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The 8259A pair by its data sheet (Intel 231468). */
class PicPairTest {
  private final Bench bench = new Bench().initialisedPic();
  private final PicPair pic = bench.pic;

  private InterruptLine line(int irq) {
    return pic.connect(irq);
  }

  private void high(int irq) {
    line(irq).set(true);
  }

  private int isr(int port) {
    bench.out(port, 0x0b);
    return bench.in(port);
  }

  private int irr(int port) {
    bench.out(port, 0x0a);
    return bench.in(port);
  }

  @Test
  void initialisationSetsVectorsAndClearsTheMask() {
    bench.out(0x21, 0xff);
    bench.initialisedPic();
    assertThat(bench.in(0x21)).isZero();
    high(3);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
    bench.out(0x20, 0x20);
    high(12);
    assertThat(pic.acknowledge()).isEqualTo(0x2c);
    assertThat(isr(0x20)).isEqualTo(0x04);
    assertThat(isr(0xa0)).isEqualTo(0x10);
  }

  /** After random commands, masks and acknowledgements: a line that is said not to interrupt does not when it rises; one that is said to does. */
  @Test
  void whatWouldInterruptDoes() {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    System.out.println("PicPairTest seed " + seed);
    Random random = new Random(seed);
    InterruptLine[] lines = new InterruptLine[16];
    for (int irq = 0; irq < lines.length; irq++) {
      lines[irq] = irq == PicPair.CASCADE_INPUT ? level -> {} : line(irq);
    }
    int[] answers = new int[2];
    for (int step = 0; step < 100_000; step++) {
      switch (random.nextInt(8)) {
        case 0 -> bench.out(random.nextBoolean() ? 0x21 : 0xa1, sparseMask(random));
        // OCW2 and OCW3: ends of interrupts, rotation, special mask.
        case 1 ->
            bench.out(
                random.nextBoolean() ? 0x20 : 0xa0,
                random.nextInt(256) & ~0x1c | random.nextInt(2) << 3);
        case 2 -> pic.acknowledge();
        default -> {
          int irq = random.nextInt(16);
          if (irq == PicPair.CASCADE_INPUT || pic.isAsserted(irq) || pic.interruptPending()) {
            lines[irq].set(false);
          } else {
            boolean would = pic.wouldInterrupt(irq);
            lines[irq].set(true);
            assertThat(pic.interruptPending())
                .as("seed %d, step %d, line %d", seed, step, irq)
                .isEqualTo(would);
            answers[would ? 1 : 0]++;
          }
        }
      }
    }
    assertThat(answers)
        .as("of each answer enough")
        .satisfies(it -> {
          assertThat(it[0]).isGreaterThan(100);
          assertThat(it[1]).isGreaterThan(100);
        });
  }

  /** A mask with a quarter of its bits set, so that most lines stay open. */
  private static int sparseMask(Random random) {
    int half = random.nextInt(256);
    return half & random.nextInt(256);
  }

  @Test
  void withoutIcw4ItsFunctionsAreOff() {
    bench.out(0x20, 0x13);
    bench.out(0x21, 0x20);
    bench.out(0x21, 0x03);
    bench.out(0x20, 0x12);
    bench.out(0x21, 0x40);
    bench.out(0x21, 0xfe);
    assertThat(bench.in(0x21)).as("after ICW2 of a single chip comes OCW1").isEqualTo(0xfe);
    high(0);
    pic.acknowledge();
    assertThat(isr(0x20)).as("automatic end of interrupt is off again").isEqualTo(1);
  }

  @Test
  void anEdgeIsTakenOnceAndNeedsALowBetween() {
    InterruptLine line = line(5);
    line.set(true);
    assertThat(bench.takeInterrupts()).containsExactly(0x25);
    assertThat(pic.interruptPending()).isFalse();
    line.set(true);
    assertThat(pic.interruptPending()).isFalse();
    line.set(false);
    line.set(true);
    assertThat(pic.interruptPending()).isTrue();
  }

  @Test
  void aRequestThatDropsBeforeItsAcknowledgeIsSpurious() {
    InterruptLine line = line(4);
    line.set(true);
    assertThat(irr(0x20)).isEqualTo(0x10);
    line.set(false);
    assertThat(irr(0x20)).isZero();
    assertThat(pic.interruptPending()).isFalse();
    assertThat(pic.acknowledge()).isEqualTo(0x27);
    assertThat(isr(0x20)).as("IR7's bit is not set").isZero();
  }

  @Test
  void aLevelAsksAgainUntilItIsGone() {
    InterruptLine line = line(11);
    line.set(true);
    assertThat(bench.takeInterrupts()).hasSize(8).containsOnly(0x2b);
    line.set(false);
    assertThat(pic.interruptPending()).isFalse();
    assertThat(irr(0xa0)).isZero();
  }

  @Test
  void aSharedLineStaysWhileAnySourceAsks() {
    InterruptLine first = line(10);
    InterruptLine second = line(10);
    first.set(true);
    second.set(true);
    first.set(false);
    assertThat(pic.interruptPending()).isTrue();
    second.set(false);
    assertThat(pic.interruptPending()).isFalse();
  }

  @Test
  void elcrHasTheBitsThatExist() {
    assertThat(bench.in(0x4d1)).as("preset").isEqualTo(0x0c);
    bench.out(0x4d0, 0xff);
    bench.out(0x4d1, 0xff);
    assertThat(bench.in(0x4d0)).isEqualTo(0xf8);
    assertThat(bench.in(0x4d1)).isEqualTo(0xde);
  }

  @Test
  void elcrTurnsAnInputToLevel() {
    bench.out(0x4d0, 0x20);
    high(5);
    assertThat(bench.takeInterrupts()).hasSize(8);
  }

  @Test
  void fixedPriorityNests() {
    high(5);
    assertThat(pic.acknowledge()).isEqualTo(0x25);
    high(6);
    assertThat(pic.interruptPending()).as("lower than what is served").isFalse();
    high(1);
    assertThat(pic.acknowledge()).isEqualTo(0x21);
    assertThat(isr(0x20)).isEqualTo(0x22);
    bench.out(0x20, 0x20);
    assertThat(isr(0x20)).as("a non-specific EOI ends the highest").isEqualTo(0x20);
    bench.out(0x20, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x26);
  }

  @Test
  void specificEndOfInterrupt() {
    high(5);
    pic.acknowledge();
    high(1);
    pic.acknowledge();
    bench.out(0x20, 0x65);
    assertThat(isr(0x20)).isEqualTo(0x02);
  }

  @Test
  void theMaskHoldsBackAndDoesNotForget() {
    bench.out(0x21, 0x20);
    high(5);
    assertThat(pic.interruptPending()).isFalse();
    bench.out(0x21, 0);
    assertThat(pic.acknowledge()).isEqualTo(0x25);
  }

  @Test
  void rotationOnEndOfInterrupt() {
    high(4);
    pic.acknowledge();
    bench.out(0x20, 0xa0);
    // IR4 is the lowest now: IR5 goes before IR3.
    high(3);
    high(5);
    assertThat(pic.acknowledge()).isEqualTo(0x25);
    bench.out(0x20, 0xe5);
    assertThat(isr(0x20)).isZero();
    // IR5 is the lowest now, IR6 the highest.
    high(6);
    assertThat(pic.acknowledge()).isEqualTo(0x26);
  }

  @Test
  void setPriority() {
    bench.out(0x20, 0xc2);
    high(0);
    high(3);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
  }

  @Test
  void automaticEndOfInterruptWithRotation() {
    bench.out(0x20, 0x11);
    bench.out(0x21, 0x20);
    bench.out(0x21, 0x04);
    bench.out(0x21, 0x03);
    bench.out(0x20, 0x80);
    InterruptLine one = line(1);
    InterruptLine six = line(6);
    one.set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x21);
    assertThat(isr(0x20)).isZero();
    one.set(false);
    one.set(true);
    six.set(true);
    assertThat(pic.acknowledge()).as("IR1 has become the lowest").isEqualTo(0x26);
    assertThat(pic.acknowledge()).isEqualTo(0x21);
    bench.out(0x20, 0x00);
    one.set(false);
    one.set(true);
    six.set(false);
    six.set(true);
    assertThat(pic.acknowledge()).as("IR1 stays the lowest").isEqualTo(0x26);
    one.set(false);
    six.set(false);
    line(3).set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x23);
    six.set(true);
    line(4).set(true);
    assertThat(pic.acknowledge()).as("rotation is off").isEqualTo(0x24);
  }

  @Test
  void specialMaskModeLetsLowerLevelsThrough() {
    high(3);
    pic.acknowledge();
    high(6);
    assertThat(pic.interruptPending()).isFalse();
    bench.out(0x21, 0x08);
    bench.out(0x20, 0x68);
    assertThat(pic.acknowledge()).isEqualTo(0x26);
    bench.out(0x20, 0x20);
    assertThat(isr(0x20)).as("a non-specific EOI spares the masked level").isEqualTo(0x08);
    bench.out(0x20, 0x20);
    assertThat(isr(0x20)).isEqualTo(0x08);
    bench.out(0x20, 0x48);
    bench.out(0x20, 0x20);
    assertThat(isr(0x20)).isZero();
  }

  @Test
  void pollingAcknowledges() {
    bench.out(0x20, 0x0c);
    assertThat(bench.in(0x20)).isZero();
    high(3);
    bench.out(0x20, 0x0c);
    assertThat(bench.in(0x20)).isEqualTo(0x83);
    assertThat(isr(0x20)).isEqualTo(0x08);
    assertThat(bench.in(0x20)).as("only the next read was a poll").isEqualTo(0x08);
  }

  @Test
  void pollingTheSecondChipFreesItsOutput() {
    InterruptLine nine = line(9);
    nine.set(true);
    assertThat(irr(0x20)).isEqualTo(0x04);
    bench.out(0xa0, 0x0c);
    assertThat(bench.in(0xa0)).isEqualTo(0x81);
    assertThat(irr(0x20)).isZero();
    bench.out(0xa0, 0x20);
    nine.set(false);
    nine.set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x29);
  }

  @Test
  void theSecondChipAsksAgainForWhatWaits() {
    line(8).set(true);
    line(14).set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x28);
    bench.out(0x20, 0x20);
    assertThat(pic.interruptPending()).as("IRQ 14 is lower than IRQ 8 in service").isFalse();
    bench.out(0xa0, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x2e);
  }

  @Test
  void specialFullyNestedModeLetsTheSecondChipInterruptItself() {
    bench.out(0x20, 0x11);
    bench.out(0x21, 0x20);
    bench.out(0x21, 0x04);
    bench.out(0x21, 0x11);
    line(12).set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x2c);
    line(9).set(true);
    assertThat(pic.interruptPending()).isTrue();
    assertThat(pic.acknowledge()).isEqualTo(0x29);
  }

  @Test
  void withoutItTheSecondChipWaitsForTheFirst() {
    line(12).set(true);
    assertThat(pic.acknowledge()).isEqualTo(0x2c);
    line(9).set(true);
    assertThat(pic.interruptPending()).isFalse();
    bench.out(0x20, 0x20);
    assertThat(pic.acknowledge()).isEqualTo(0x29);
  }

  @Test
  void aCascadeLineCannotBeConnected() {
    assertThatThrownBy(() -> pic.connect(2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> pic.connect(16)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aStateOfOtherWiringIsRefused() {
    DeviceState state = pic.save();
    pic.connect(5);
    assertThatThrownBy(() -> pic.restore(state))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("sourceCount");
  }

  @Test
  void savedAtEveryStep() {
    Continuations.check(
        () -> {
          Bench fresh = new Bench();
          fresh.pic.connect(5).set(true);
          fresh.pic.connect(12).set(true);
          fresh.pic.connect(10).set(true);
          return fresh;
        },
        List.of(
            out(0x20, 0x11),
            out(0x21, 0x20),
            out(0x21, 4),
            out(0x21, 1),
            out(0xa0, 0x11),
            out(0xa1, 0x28),
            out(0xa1, 2),
            out(0xa1, 3),
            out(0x21, 0x20),
            interrupts(),
            out(0x20, 0x0b),
            in(0x20),
            out(0x4d0, 0x20),
            out(0x21, 0),
            out(0x20, 0xa0),
            out(0x20, 0x0c),
            in(0x20),
            interrupts()));
  }
}

package dev.lockstep.vmm.device;

import static dev.lockstep.vmm.device.Continuations.in;
import static dev.lockstep.vmm.device.Continuations.interrupts;
import static dev.lockstep.vmm.device.Continuations.out;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The i8042 and its keyboard, as Linux's i8042 and atkbd drivers speak to them. */
class I8042Test {
  private static final int DATA = 0x60;
  private static final int COMMAND = 0x64;
  private static final int PORT_A = 0x92;

  private final Bench bench = bench();
  private final I8042 controller = (I8042) bench.devices.get(1);

  private static Bench bench() {
    Bench bench = new Bench().initialisedPic();
    I8042 controller = bench.add(new I8042(bench.pic.connect(1), bench));
    bench.bus.mapPorts(DATA, 1, controller, 0, 1);
    bench.bus.mapPorts(COMMAND, 1, controller, 1, 1);
    bench.bus.mapPorts(PORT_A, 1, controller, 2, 1);
    return bench;
  }

  private List<Integer> read() {
    List<Integer> bytes = new ArrayList<>();
    while ((bench.in(COMMAND) & 1) != 0) {
      assertThat(bench.in(COMMAND) & 0x20).as("nothing comes from the second port").isZero();
      bytes.add(bench.in(DATA));
    }
    return bytes;
  }

  private List<Integer> command(int command) {
    bench.out(COMMAND, command);
    return read();
  }

  private List<Integer> command(int command, int argument) {
    bench.out(COMMAND, command);
    bench.out(DATA, argument);
    return read();
  }

  private List<Integer> keyboard(int... bytes) {
    List<Integer> answers = new ArrayList<>();
    for (int octet : bytes) {
      bench.out(DATA, octet);
      answers.addAll(read());
    }
    return answers;
  }

  @Test
  void statusTellsWhatWasWrittenLast() {
    assertThat(bench.in(COMMAND)).isEqualTo(0x14);
    bench.out(COMMAND, 0xae);
    assertThat(bench.in(COMMAND)).isEqualTo(0x1c);
    bench.out(DATA, 0xee);
    assertThat(bench.in(COMMAND)).isEqualTo(0x15);
  }

  /** drivers/input/serio/i8042.c: controller check, control byte, and the search for a second port. */
  @Test
  void linuxFindsAControllerWithOnePort() {
    assertThat(read()).as("nothing to flush").isEmpty();
    assertThat(command(0xaa)).containsExactly(0x55);
    int control = command(0x20).getFirst();
    assertThat(control & 0x40).as("translating").isEqualTo(0x40);
    assertThat(command(0x60, control & ~0x01 | 0x10)).isEmpty();
    assertThat(command(0x20)).containsExactly(control & ~0x01 | 0x10);
    assertThat(command(0xd3, 0x5a)).as("the loop answers as the first port").containsExactly(0x5a);
    assertThat(command(0xa9)).as("the second port's clock is stuck").containsExactly(0x01);
    assertThat(command(0xab)).containsExactly(0x00);
  }

  /** drivers/input/keyboard/atkbd.c: probe, set and activate, through the translating controller. */
  @Test
  void linuxFindsAnAtKeyboard() {
    assertThat(keyboard(0xff)).containsExactly(0xfa, 0xaa);
    assertThat(keyboard(0xf2)).containsExactly(0xfa, 0xab, 0x41);
    assertThat(keyboard(0xed, 0x02)).containsExactly(0xfa, 0xfa);
    assertThat(controller.keyboardLeds()).isEqualTo(2);
    assertThat(keyboard(0xf0, 0x02)).containsExactly(0xfa, 0xfa);
    assertThat(keyboard(0xf0, 0x00)).as("set 2, translated").containsExactly(0xfa, 0xfa, 0x41);
    assertThat(keyboard(0xf3, 0x00)).containsExactly(0xfa, 0xfa);
    assertThat(keyboard(0xf4)).containsExactly(0xfa);
  }

  @Test
  void ctrlAltDeleteArrivesTranslatedKeyByKey() {
    assertThat(controller.typeCtrlAltDelete()).isTrue();
    List<Integer> codes = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      assertThat(bench.takeInterrupts()).as("an interrupt for each byte").containsExactly(0x21);
      codes.add(bench.in(DATA));
    }
    assertThat(codes).containsExactly(0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d);
    assertThat(bench.takeInterrupts()).isEmpty();
  }

  @Test
  void withoutTranslationTheKeyboardsOwnCodesArrive() {
    command(0x60, 0x05);
    controller.typeCtrlAltDelete();
    assertThat(read())
        .containsExactly(0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14);
    keyboard(0xf0, 0x01);
    controller.typeCtrlAltDelete();
    assertThat(read())
        .as("set 1 from the keyboard itself")
        .containsExactly(0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d);
  }

  @Test
  void aDisabledKeyboardIsSilent() {
    assertThat(keyboard(0xf5)).containsExactly(0xfa);
    assertThat(controller.typeCtrlAltDelete()).isTrue();
    assertThat(read()).isEmpty();
    keyboard(0xf4);
    bench.out(COMMAND, 0xad);
    controller.typeCtrlAltDelete();
    assertThat(read()).as("the interface is off").isEmpty();
    bench.out(COMMAND, 0xae);
    assertThat(read()).hasSize(8);
  }

  @Test
  void anAnswerNeverSplitsAKey() {
    controller.typeCtrlAltDelete();
    bench.in(DATA);
    bench.in(DATA);
    // The controller holds the prefix of Delete now.
    bench.out(DATA, 0xee);
    assertThat(read()).containsExactly(0xe0, 0x53, 0xee, 0xe0, 0xd3, 0xb8, 0x9d);
  }

  @Test
  void keysBeyondTheBufferAreRefusedWhole() {
    bench.out(COMMAND, 0xad);
    int taken = 0;
    while (controller.typeCtrlAltDelete()) {
      taken++;
    }
    assertThat(taken).isEqualTo(AtKeyboard.QUEUE_BYTES / 11);
    bench.out(COMMAND, 0xae);
    assertThat(read()).hasSize(taken * 8);
  }

  @Test
  void unknownThingsAreAnsweredByResend() {
    assertThat(keyboard(0xf0, 0x03)).containsExactly(0xfa, 0xfe);
    assertThat(keyboard(0x10)).containsExactly(0xfe);
    assertThat(keyboard(0xee, 0xfe)).containsExactly(0xee, 0xee);
  }

  @Test
  void everyWayToReset() {
    bench.out(COMMAND, 0xfe);
    bench.out(COMMAND, 0xff);
    bench.out(COMMAND, 0xd1);
    bench.out(DATA, 0x02);
    bench.out(COMMAND, 0xd1);
    bench.out(DATA, 0x03);
    bench.out(PORT_A, 0x02);
    bench.out(PORT_A, 0x03);
    bench.out(PORT_A, 0x03);
    assertThat(bench.effects.toString().strip())
        .isEqualTo("reset by i8042 reset by i8042 reset by port 92h");
  }

  @Test
  void theA20GateIsOneForBothPorts() {
    assertThat(bench.in(PORT_A) & 2).isEqualTo(2);
    bench.out(PORT_A, 0);
    assertThat(command(0xd0).getFirst() & 0x03).isEqualTo(0x01);
    command(0xdf);
    assertThat(bench.in(PORT_A) & 2).isEqualTo(2);
    command(0xd1, 0x01);
    assertThat(bench.in(PORT_A) & 2).isZero();
  }

  @Test
  void savedAtEveryStep() {
    Continuations.check(
        I8042Test::bench,
        List.of(
            out(COMMAND, 0xaa),
            in(DATA),
            out(COMMAND, 0x60),
            out(DATA, 0x45),
            out(DATA, 0xf2),
            interrupts(),
            in(DATA),
            bench -> ((I8042) bench.devices.get(1)).typeCtrlAltDelete(),
            in(DATA),
            in(DATA),
            interrupts(),
            out(DATA, 0xed),
            in(DATA),
            out(DATA, 0x05),
            in(DATA),
            in(DATA),
            in(DATA),
            out(COMMAND, 0xd1),
            out(DATA, 0x01),
            in(PORT_A),
            in(DATA),
            in(DATA),
            in(DATA),
            interrupts(),
            in(DATA)));
  }
}

package dev.lockstep.vmm.device;

import static dev.lockstep.vmm.device.Continuations.in;
import static dev.lockstep.vmm.device.Continuations.interrupts;
import static dev.lockstep.vmm.device.Continuations.out;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The 16550A by its data sheet (PC16550D), and by what Linux's 8250 driver asks it at probe. */
class Uart16550Test {
  private static final int DATA = 0x3f8;
  private static final int IER = DATA + 1;
  private static final int IIR = DATA + 2;
  private static final int FCR = DATA + 2;
  private static final int LCR = DATA + 3;
  private static final int MCR = DATA + 4;
  private static final int LSR = DATA + 5;
  private static final int MSR = DATA + 6;
  private static final int SCR = DATA + 7;

  private final Bench bench = bench();
  private final Uart16550 uart = (Uart16550) bench.devices.get(1);

  private static Bench bench() {
    Bench bench = new Bench().initialisedPic();
    Uart16550 uart = bench.add(new Uart16550(bench.pic.connect(4), bench));
    bench.bus.mapPorts(DATA, 8, uart, 0, 1);
    return bench;
  }

  private String sent() {
    String text = bench.effects.toString();
    bench.effects.setLength(0);
    return text.strip();
  }

  @Test
  void transmitsAtOnce() {
    assertThat(bench.in(LSR)).isEqualTo(0x60);
    bench.out(DATA, 'A');
    assertThat(bench.in(LSR)).isEqualTo(0x60);
    assertThat(sent()).isEqualTo("byte 41");
  }

  @Test
  void theDivisorLatchHidesDataAndEnable() {
    bench.out(LCR, 0x83);
    bench.out(DATA, 0x01);
    bench.out(IER, 0x02);
    assertThat(sent()).isEmpty();
    assertThat(bench.in(DATA)).isEqualTo(0x01);
    assertThat(bench.in(IER)).isEqualTo(0x02);
    bench.out(LCR, 0x03);
    assertThat(bench.in(IER)).isZero();
    assertThat(bench.in(LCR)).isEqualTo(0x03);
  }

  /** drivers/tty/serial/8250/8250_port.c, autoconfig() and autoconfig_16550a(), step by step. */
  @Test
  void linuxFindsA16550A() {
    bench.out(IER, 0);
    assertThat(bench.in(IER) & 0x0f).isZero();
    bench.out(IER, 0x0f);
    assertThat(bench.in(IER) & 0x0f).isEqualTo(0x0f);
    bench.out(IER, 0);
    bench.out(MCR, 0x10 | 0x0a);
    assertThat(bench.in(MSR) & 0xf0).as("loopback").isEqualTo(0x90);
    bench.out(MCR, 0);
    bench.out(LCR, 0xbf);
    bench.out(FCR, 0);
    bench.out(LCR, 0);
    bench.out(FCR, 0x01);
    assertThat(bench.in(IIR) >> 6).as("working FIFOs").isEqualTo(3);
    bench.out(LCR, 0x80);
    assertThat(bench.in(IIR)).as("no EFR there").isNotZero();
    bench.out(LCR, 0xbf);
    assertThat(bench.in(IIR)).as("nor there").isNotZero();
    bench.out(LCR, 0xe0);
    int before = bench.in(IIR);
    bench.out(LCR, 0);
    bench.out(MCR, 0x10);
    bench.out(LCR, 0xe0);
    assertThat((bench.in(IIR) ^ before) & 0x10).as("no National SuperI/O").isZero();
    bench.out(LCR, 0);
    bench.out(MCR, 0);
    bench.out(FCR, 0x01 | 0x20);
    assertThat(bench.in(IIR) >> 5).as("no 64-byte FIFO").isEqualTo(6);
    bench.out(LCR, 0x80);
    bench.out(FCR, 0x01 | 0x20);
    assertThat(bench.in(IIR) >> 5).isEqualTo(6);
    bench.out(LCR, 0);
    bench.out(IER, 0x40);
    assertThat(bench.in(IER) & 0x40).as("no XScale").isZero();
  }

  /** serial8250_do_startup(): a UART without the "THRE bug" asks again when its interrupt is enabled. */
  @Test
  void enablingTheTransmitterInterruptAsksAgain() {
    bench.out(IER, 0x02);
    assertThat(bench.in(IIR)).isEqualTo(0x02);
    assertThat(bench.in(IIR)).as("reading it has cleared it").isEqualTo(0x01);
    bench.out(IER, 0);
    bench.out(IER, 0x02);
    assertThat(bench.in(IIR)).isEqualTo(0x02);
  }

  @Test
  void interruptsPassThroughOut2() {
    bench.out(IER, 0x02);
    assertThat(bench.pic.interruptPending()).isFalse();
    bench.out(MCR, 0x08);
    assertThat(bench.takeInterrupts()).containsExactly(0x24);
    bench.out(DATA, 'x');
    assertThat(bench.takeInterrupts()).as("an edge for each character").containsExactly(0x24);
    assertThat(bench.in(IIR)).isEqualTo(0x02);
    assertThat(bench.pic.interruptPending()).isFalse();
  }

  @Test
  void receivesThroughTheFifoByTriggerLevel() {
    bench.out(FCR, 0x81);
    bench.out(IER, 0x01);
    uart.receive(new byte[] {1, 2, 3});
    assertThat(bench.in(IIR)).as("below the trigger level: timeout").isEqualTo(0xcc);
    uart.receive(new byte[] {4, 5, 6, 7, 8});
    assertThat(bench.in(IIR)).isEqualTo(0xc4);
    for (int i = 1; i <= 8; i++) {
      assertThat(bench.in(LSR) & 1).isEqualTo(1);
      assertThat(bench.in(DATA)).isEqualTo(i);
    }
    assertThat(bench.in(LSR) & 1).isZero();
    assertThat(bench.in(IIR)).isEqualTo(0xc1);
  }

  @Test
  void aQueueBeforeTheFifoLosesNothing() {
    bench.out(FCR, 0x01);
    byte[] much = new byte[Uart16550.RECEIVE_QUEUE_BYTES];
    for (int i = 0; i < much.length; i++) {
      much[i] = (byte) i;
    }
    assertThat(uart.receive(much)).isEqualTo(much.length);
    assertThat(uart.receiveRoom()).isEqualTo(16);
    for (byte octet : much) {
      assertThat(bench.in(DATA)).isEqualTo(octet & 0xff);
    }
    assertThat(bench.in(LSR)).as("no overrun").isEqualTo(0x60);
    assertThat(uart.receive(new byte[5000])).as("no more than fits").isEqualTo(4096);
  }

  @Test
  void withoutFifosThereIsOneByte() {
    uart.receive(new byte[] {1, 2});
    assertThat(bench.in(IIR)).isEqualTo(0x01);
    assertThat(bench.in(DATA)).isEqualTo(1);
    assertThat(bench.in(DATA)).isEqualTo(2);
  }

  @Test
  void clearingTheReceiverDropsItsBytes() {
    bench.out(FCR, 0x01);
    uart.receive(new byte[16]);
    bench.out(FCR, 0x03);
    assertThat(bench.in(LSR) & 1).isZero();
    uart.receive(new byte[] {9});
    assertThat(bench.in(DATA)).isEqualTo(9);
    uart.receive(new byte[] {9});
    bench.out(FCR, 0x00);
    assertThat(bench.in(LSR) & 1).as("switching the FIFOs off clears them").isZero();
  }

  @Test
  void aBreakIsALineStatusThatReadingClears() {
    bench.out(FCR, 0x01);
    bench.out(IER, 0x05);
    uart.receive(new byte[] {7});
    uart.receiveBreak();
    assertThat(bench.in(IIR)).as("the break is not at the top yet").isEqualTo(0xc4);
    assertThat(bench.in(LSR)).as("an error somewhere in the FIFO").isEqualTo(0xe1);
    bench.in(DATA);
    assertThat(bench.in(IIR)).isEqualTo(0xc6);
    assertThat(bench.in(LSR)).isEqualTo(0xf1);
    assertThat(bench.in(LSR)).isEqualTo(0x61);
    assertThat(bench.in(IIR)).isEqualTo(0xc4);
    assertThat(bench.in(DATA)).isZero();
  }

  @Test
  void interruptsComeInOrderOfPriority() {
    bench.out(FCR, 0x01);
    bench.out(IER, 0x0f);
    bench.out(MCR, 0x10);
    bench.out(MCR, 0x00);
    uart.receiveBreak();
    assertThat(bench.in(IIR)).isEqualTo(0xc6);
    bench.in(LSR);
    assertThat(bench.in(IIR)).isEqualTo(0xc4);
    bench.in(DATA);
    assertThat(bench.in(IIR)).isEqualTo(0xc2);
    assertThat(bench.in(IIR)).isEqualTo(0xc0);
    assertThat(bench.in(MSR)).isEqualTo(0xbb);
    assertThat(bench.in(MSR)).as("reading it has cleared the changes").isEqualTo(0xb0);
    assertThat(bench.in(IIR)).isEqualTo(0xc1);
  }

  @Test
  void loopbackTurnsTheTransmitterToTheReceiver() {
    bench.out(FCR, 0x01);
    bench.out(MCR, 0x10);
    assertThat(bench.in(MSR) & 0xf0).isZero();
    bench.out(DATA, 0x5a);
    uart.receive(new byte[] {1});
    assertThat(sent()).isEmpty();
    assertThat(bench.in(DATA)).isEqualTo(0x5a);
    assertThat(bench.in(LSR) & 1).as("the line is cut off").isZero();
    for (int i = 0; i < 17; i++) {
      bench.out(DATA, i);
    }
    assertThat(bench.in(LSR)).as("the seventeenth has overrun").isEqualTo(0x63);
    bench.out(MCR, 0x1f);
    assertThat(bench.in(MSR) & 0xf0).isEqualTo(0xf0);
    bench.out(MCR, 0x1b);
    assertThat(bench.in(MSR) & 0x0f).as("the ring's end is a change").isEqualTo(0x04);
    bench.out(FCR, 0x03);
    bench.out(MCR, 0);
    assertThat(bench.in(DATA)).as("what waited on the line").isEqualTo(1);
  }

  @Test
  void scratchKeepsWhatIsWritten() {
    bench.out(SCR, 0xa5);
    assertThat(bench.in(SCR)).isEqualTo(0xa5);
  }

  @Test
  void savedAtEveryStep() {
    Continuations.check(
        Uart16550Test::bench,
        List.of(
            out(LCR, 0x83),
            out(DATA, 1),
            out(LCR, 0x03),
            out(FCR, 0xc7),
            out(MCR, 0x0b),
            out(IER, 0x0f),
            interrupts(),
            bench -> ((Uart16550) bench.devices.get(1)).receive(new byte[40]),
            interrupts(),
            in(IIR),
            in(DATA),
            bench -> ((Uart16550) bench.devices.get(1)).receiveBreak(),
            out(DATA, 'h'),
            interrupts(),
            in(IIR),
            out(MCR, 0x1b),
            out(DATA, 'i'),
            in(MSR),
            in(LSR),
            in(DATA),
            out(FCR, 0x02),
            in(IIR),
            in(DATA),
            interrupts()));
  }
}

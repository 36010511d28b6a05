package dev.lockstep.vmm.device;

import static dev.lockstep.vmm.device.Continuations.in;
import static dev.lockstep.vmm.device.Continuations.interrupts;
import static dev.lockstep.vmm.device.Continuations.out;
import static dev.lockstep.vmm.device.Continuations.pass;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Every legacy device under random accesses, saved and restored at every step. */
class RandomScriptsTest {
  private static final int SCRIPTS = 25;
  private static final int STEPS = 60;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  RandomScriptsTest() {
    System.out.println("RandomScriptsTest seed " + seed);
  }

  private void check(Supplier<Bench> fresh, int[] ports, long maxPassNanos) {
    check(fresh, ports, maxPassNanos, () -> pass(1));
  }

  private void check(
      Supplier<Bench> fresh,
      int[] ports,
      long maxPassNanos,
      Supplier<Function<Bench, Object>> input) {
    for (int i = 0; i < SCRIPTS; i++) {
      List<Function<Bench, Object>> script = new ArrayList<>();
      for (int step = 0; step < STEPS; step++) {
        int port = ports[random.nextInt(ports.length)];
        script.add(
            switch (random.nextInt(8)) {
              case 0, 1, 2 -> out(port, random.nextInt(256));
              case 3, 4 -> in(port);
              case 5 -> pass(random.nextLong(maxPassNanos));
              case 6 -> interrupts();
              default -> input.get();
            });
      }
      Continuations.check(fresh, script);
    }
  }

  @Test
  void pic() {
    check(
        () -> {
          Bench bench = new Bench();
          for (int irq : new int[] {0, 1, 5, 8, 10, 11, 11, 15}) {
            lines(bench, irq);
          }
          return bench;
        },
        new int[] {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1},
        2,
        () -> {
          int line = random.nextInt(8);
          boolean level = random.nextBoolean();
          return bench -> {
            ((LineDriver) bench.devices.get(line + 1)).drive(level);
            return "line";
          };
        });
  }

  private static void lines(Bench bench, int irq) {
    bench.add(new LineDriver(bench.pic.connect(irq)));
  }

  /** A device that is nothing but its interrupt output. */
  private record LineDriver(InterruptLine line) implements Device {
    void drive(boolean level) {
      line.set(level);
    }

    @Override
    public String kind() {
      return "line";
    }

    @Override
    public long read(int offset, int width) {
      return 0;
    }

    @Override
    public void write(int offset, int width, long value) {}

    @Override
    public DeviceState save() {
      return new StateWriter(kind(), 1).state();
    }

    @Override
    public void restore(DeviceState state) {
      state.reader(kind(), 1).end();
    }
  }

  @Test
  void pit() {
    check(
        () -> {
          Bench bench = new Bench().initialisedPic();
          Pit8254 pit = bench.add(new Pit8254(bench.time(), bench.pic.connect(0)));
          bench.bus.mapPorts(0x40, 4, pit, 0, 1);
          bench.bus.mapPorts(0x61, 1, pit, 4, 1);
          return bench;
        },
        new int[] {0x40, 0x41, 0x42, 0x43, 0x43, 0x61},
        300_000);
  }

  @Test
  void uart() {
    check(
        () -> {
          Bench bench = new Bench().initialisedPic();
          Uart16550 uart = bench.add(new Uart16550(bench.pic.connect(4), bench));
          bench.bus.mapPorts(0x3f8, 8, uart, 0, 1);
          return bench;
        },
        new int[] {0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff},
        2,
        () -> {
          byte[] bytes = new byte[random.nextInt(20)];
          random.nextBytes(bytes);
          boolean pause = random.nextInt(5) == 0;
          return bench -> {
            Uart16550 uart = (Uart16550) bench.devices.get(1);
            return pause ? uart.receiveBreak() : uart.receive(bytes);
          };
        });
  }

  @Test
  void rtc() {
    long wall = random.nextLong(4_000_000_000L) * 1_000_000_000L + random.nextInt(1_000_000_000);
    check(
        () -> {
          Bench bench = new Bench().initialisedPic();
          Rtc146818 rtc =
              bench.add(
                  new Rtc146818(bench.time(), bench.pic.connect(8), wall, 512L << 20, 1L << 30));
          bench.bus.mapPorts(0x70, 2, rtc, 0, 1);
          return bench;
        },
        new int[] {0x70, 0x71},
        1_500_000_000L,
        () -> {
          int index = random.nextInt(14);
          int value = random.nextInt(256);
          return bench -> {
            bench.out(0x70, index);
            bench.out(0x71, value);
            return bench.in(0x71);
          };
        });
  }

  @Test
  void i8042() {
    int[] commands = {0x20, 0x60, 0xaa, 0xab, 0xad, 0xae, 0xd0, 0xd1, 0xd2, 0xd3, 0xed, 0xf0, 0xf2};
    check(
        () -> {
          Bench bench = new Bench().initialisedPic();
          I8042 controller = bench.add(new I8042(bench.pic.connect(1), bench));
          bench.bus.mapPorts(0x60, 1, controller, 0, 1);
          bench.bus.mapPorts(0x64, 1, controller, 1, 1);
          bench.bus.mapPorts(0x92, 1, controller, 2, 1);
          return bench;
        },
        new int[] {0x60, 0x64, 0x60, 0x92},
        2,
        () -> {
          int command = commands[random.nextInt(commands.length)];
          boolean key = random.nextBoolean();
          return bench -> {
            if (key) {
              return ((I8042) bench.devices.get(1)).typeCtrlAltDelete();
            }
            bench.out(command >= 0xed ? 0x60 : 0x64, command);
            return "command";
          };
        });
  }

  @Test
  void portsWithLittleState() {
    check(
        () -> {
          Bench bench = new Bench();
          bench.bus.mapPorts(0x608, 4, bench.add(new PmTimer(bench.time())), 0, 4);
          bench.bus.mapPorts(0xf4, 1, bench.add(new DebugExit(bench)), 0, 4);
          bench.bus.mapPorts(0x80, 1, bench.add(new PostCode()), 0, 1);
          bench.bus.mapPorts(0xe0, 4, bench.add(new TscPort(bench.time())), 0, 4);
          return bench;
        },
        new int[] {0x608, 0x609, 0x60a, 0x60b, 0xf4, 0x80, 0xe0, 0xe3},
        10_000_000_000L);
  }
}

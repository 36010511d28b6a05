package dev.lockstep.vmm.machine;

import java.util.Random;

/** Somebody types digits at a live machine's console: when, and how many at once, is random and of no matter to what a test asserts. */
final class Typing {
  private static final int MAX_BYTES = 20;
  private static final int MAX_MILLIS = 4;
  private static final int MAX_NANOS = 900_000;

  private Typing() {}

  static void at(Machine machine, Random random, int inputs) throws InterruptedException {
    for (int i = 0; i < inputs; i++) {
      Thread.sleep(random.nextInt(MAX_MILLIS), random.nextInt(MAX_NANOS));
      byte[] typed = new byte[1 + random.nextInt(MAX_BYTES)];
      for (int j = 0; j < typed.length; j++) {
        typed[j] = (byte) ('0' + random.nextInt(10));
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, typed));
    }
  }
}

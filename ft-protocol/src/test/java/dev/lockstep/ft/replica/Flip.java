package dev.lockstep.ft.replica;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.machine.Machine;
import java.util.Random;

/** Bits that flip in a real memory: nobody hears of it. */
final class Flip {
  /** Where the clockwork guest keeps the hash that all its outputs come from: it writes it all the time. */
  static final int HASH = 0x5_0008;

  /** Where both keep the number of their timer's interrupts; of its lowest three bits it depends when they print. */
  private static final int TICKS = 0x5_0000;

  private Flip() {}

  /** Flips a bit of the ticks. */
  static void ticks(Machine machine, Random random, Watching backup) throws Exception {
    at(machine, TICKS, random.nextInt(3), backup);
  }

  /** Flips a bit until the backup finds that it differs: what flips while the guest has the value in a register is overwritten. */
  static void at(Machine machine, int address, Random random, Watching backup) throws Exception {
    at(machine, address, random.nextInt(8), backup);
  }

  private static void at(Machine machine, int address, int bit, Watching backup) throws Exception {
    do {
      machine
          .atBoundary(boundary -> {
            GuestMemory memory = boundary.memory();
            byte now = memory.segment().get(GuestMemory.U8, address);
            memory.segment().set(GuestMemory.U8, address, (byte) (now ^ (1 << bit)));
            return bit;
          })
          .get();
    } while (!backup.notes("this backup's replay differs", 3_000));
  }
}

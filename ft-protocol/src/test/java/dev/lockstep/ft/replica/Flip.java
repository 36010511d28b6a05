package dev.lockstep.ft.replica;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.vmm.machine.Machine;
import java.util.Random;

/** Bits that flip in a real memory: nobody hears of it. */
final class Flip {
  /** Where the clockwork guest keeps the hash that all its outputs come from: it writes it all the time. */
  static final int HASH = 0x5_0008;

  private Flip() {}

  /** Flips a bit of the hash until the backup finds that it differs: what flips while the guest has the value in a register is overwritten. */
  static void hash(Machine machine, Random random, Watching backup) throws Exception {
    at(machine, HASH, random, backup);
  }

  /** The same anywhere. */
  static void at(Machine machine, int address, Random random, Watching backup) throws Exception {
    int bit = random.nextInt(8);
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

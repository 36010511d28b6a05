package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.vmm.time.VirtualClock;
import java.lang.foreign.Arena;

/** What {@link MachineFactory} made, before it is put together. */
record MachineParts(
    String engine,
    Arena arena,
    GuestMemory memory,
    PageTracker pages,
    Vcpu vcpu,
    VirtualClock clock,
    Board board,
    OutputCollector outputs) {

  /** Releases everything, last made first. Nothing may use the machine any more. */
  void close() {
    try {
      vcpu.close();
    } finally {
      try {
        board.disks().close();
      } finally {
        arena.close();
      }
    }
  }
}

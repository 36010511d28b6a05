package dev.lockstep.vmm.machine;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.vmm.time.VirtualClock;
import dev.lockstep.vmm.tsc.ExactTsc;
import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/**
 * What {@link MachineFactory} made, before it is put together.
 *
 * @param exactTsc in machines whose reads of the time-stamp counter are patched
 */
record MachineParts(
    String engine,
    Arena arena,
    GuestMemory memory,
    PageTracker pages,
    Vcpu vcpu,
    VirtualClock clock,
    Board board,
    @Nullable ExactTsc exactTsc,
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

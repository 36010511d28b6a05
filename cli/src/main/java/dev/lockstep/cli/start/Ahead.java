package dev.lockstep.cli.start;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.ThreadPriority;
import dev.lockstep.kvm.memory.FilePages;
import dev.lockstep.vmm.time.VirtualClock;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Has the JVM link native calls and accesses to memory on another thread while the command line is read: a start from a snapshot needs them at its very end, and each takes milliseconds the first
 * time. Changes nothing but when that is done.
 */
public final class Ahead {
  private Ahead() {}

  /** Begins, and does not wait. */
  public static void ofAMachine() {
    Thread.ofPlatform().name("ahead").daemon().start(Ahead::link);
  }

  private static void link() {
    FilePages.link();
    ThreadPriority.slice();
    long bytes = GuestMemory.PAGE_SIZE;
    GuestMemory memory =
        new GuestMemory(
            MemorySegment.ofArray(new long[GuestMemory.PAGE_SIZE / Long.BYTES]),
            List.of(new GuestMemory.Region(0, bytes, 0)));
    memory.write64(0, memory.read64(0));
    memory.write32(0, memory.read32(0));
    memory.write16(0, memory.read16(0));
    memory.write8(0, memory.read8(0));
    new VirtualClock().nanosAt(0);
  }
}

package dev.lockstep.cli.start;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.memory.FilePages;
import dev.lockstep.vmm.config.HostTranslator;
import dev.lockstep.vmm.time.VirtualClock;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Objects;

/**
 * Has the JVM initialise what a start from a snapshot needs at its end on another thread, while the command line is read: tables of numbers, digests, native calls and accesses to memory each take
 * milliseconds the first time. Changes nothing but when that is done.
 */
public final class Ahead {
  private Ahead() {}

  /** Begins, and does not wait. */
  public static void ofAMachine() {
    Thread.ofPlatform().name("ahead").daemon().start(Ahead::link);
  }

  /** In the order in which the command needs it. */
  private static void link() {
    // What reads the snapshot's configuration has one of these to compare numbers with.
    var _ = Objects.hash(BigDecimal.TEN);
    digest();
    FilePages.link();
    HostTranslator.makesHostCode();
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

  private static void digest() {
    try {
      MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      // Whoever needs it says so.
    }
  }
}

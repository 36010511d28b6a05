package dev.lockstep.vmm.machine;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a machine is made of.
 *
 * @param name of the VM; for threads and messages
 * @param model the CPU the guest sees
 * @param semantics what its branches are counted by
 * @param memoryBytes a multiple of the page size, at least {@link dev.lockstep.vmm.MachineLayout#MIN_MEMORY}
 * @param wallClockNanos what the RTC shows at the start: UTC, nanoseconds since 1970
 * @param pacing how virtual time relates to the host's while live
 * @param digestSpacing branches between two digest entries; at least 1024
 * @param network its network interface; null for none
 * @param facts what else replicas must have in common, by name: the kernel's hash, the command line, …
 */
public record MachineSpec(
    String name,
    CpuModel model,
    BranchSemantics semantics,
    long memoryBytes,
    long wallClockNanos,
    Pacing pacing,
    long digestSpacing,
    @Nullable NetworkSpec network,
    SortedMap<String, String> facts) {

  /** Digest spacing unless said otherwise: about every half second of a busy guest. */
  public static final long DIGEST_SPACING = 1L << 24;

  private static final long MIN_DIGEST_SPACING = 1024;

  /** How virtual time relates to the host's while a machine is live. */
  public enum Pacing {
    /** Kept near the host's monotonic clock. */
    HOST,
    /** As fast as the guest runs, with the initial pace; an idle guest's timers fire at once. */
    FREE
  }

  /** A machine without a network interface. */
  public MachineSpec(
      String name,
      CpuModel model,
      BranchSemantics semantics,
      long memoryBytes,
      long wallClockNanos,
      Pacing pacing,
      long digestSpacing,
      SortedMap<String, String> facts) {
    this(name, model, semantics, memoryBytes, wallClockNanos, pacing, digestSpacing, null, facts);
  }

  public MachineSpec {
    facts = Collections.unmodifiableSortedMap(new TreeMap<>(facts));
    if (digestSpacing < MIN_DIGEST_SPACING) {
      throw new IllegalArgumentException("digests every %d branches".formatted(digestSpacing));
    }
  }
}

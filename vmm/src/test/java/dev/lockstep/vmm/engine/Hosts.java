package dev.lockstep.vmm.engine;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.calibration.CounterProfile;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import java.util.List;
import java.util.Set;

/** Hosts that are not here, by what would be found of them. */
public final class Hosts {
  /** A counter that may be used. */
  public static final HostCounter FIT =
      new HostCounter.Fit(
          new CounterProfile(
              "this CPU",
              "retired conditional branches",
              4,
              0x5111c4,
              0,
              BranchSemantics.CONDITIONAL,
              new CounterLimits(90, 1, false),
              ExcessTable.NONE),
          Set.of());

  private Hosts() {}

  /**
   * One with hardware virtualisation whose self-test passes.
   *
   * @param trapped whether a program's reads of the time-stamp counter can be trapped
   */
  public static List<Finding> good(boolean trapped) {
    return List.of(
        found("kvm"),
        found("capabilities"),
        found("ring0").with("ring0_native", true),
        Finding.of("self_test", "self-test", Verdict.OK, "passed in 1 ms", "Good.")
            .with("passed", true),
        found("rdtsc").with("rdtsc_ring3_traps", trapped));
  }

  /** One that emulates kernels. */
  public static List<Finding> slow() {
    return List.of(
        found("kvm"),
        found("capabilities"),
        found("ring0").with("ring0_native", false),
        found("rdtsc").with("rdtsc_ring3_traps", true));
  }

  private static Finding found(String id) {
    return Finding.of(id, id, Verdict.OK, "is there", "Good.");
  }
}

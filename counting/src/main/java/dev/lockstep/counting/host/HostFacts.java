package dev.lockstep.counting.host;

import java.util.List;
import java.util.Optional;

/**
 * What a host says of its CPU and PMU.
 *
 * @param cpu empty if /proc/cpuinfo could not be understood
 * @param kernel its release
 * @param pmus of the CPU; none on hosts without
 * @param specLockMap of Zen
 * @param nmiWatchdog whether the watchdog holds a counter
 * @param freezesOnSmi whether counters stand still in system management mode; empty where the CPU has no such setting
 */
public record HostFacts(
    Optional<CpuIdentity> cpu,
    String kernel,
    List<PmuDescription> pmus,
    SpecLockMap specLockMap,
    boolean nmiWatchdog,
    Optional<Boolean> freezesOnSmi) {
  /** Copies. */
  public HostFacts {
    pmus = List.copyOf(pmus);
  }

  /** CPU, microcode and kernel in one line: what a calibration holds for. */
  public String line() {
    return cpu.map(CpuIdentity::line).orElse("unknown CPU") + ", Linux " + kernel;
  }
}

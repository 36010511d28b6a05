package dev.lockstep.cli.doctor;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.perf.HardwareEvent;
import dev.lockstep.kvm.perf.PerfAttributes;
import dev.lockstep.kvm.perf.PerfEvent;
import dev.lockstep.kvm.perf.PerfFlag;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether the processor's counters can count a guest's branches. */
final class CounterCheck {
  private static final String ID = "pmu", WHAT = "PMU";
  private static final Path PARANOID = Path.of("/proc/sys/kernel/perf_event_paranoid");

  private CounterCheck() {}

  static Finding ask() {
    // Guests only, and never by turns with other counters: as an exact count needs it.
    PerfAttributes branches =
        PerfAttributes.of(HardwareEvent.BRANCH_INSTRUCTIONS)
            .with(PerfFlag.DISABLED, PerfFlag.PINNED, PerfFlag.EXCLUDE_HOST);
    String paranoid = paranoid();
    try (PerfEvent _ = PerfEvent.openOnThread(branches, 0)) {
      return Finding.of(
              ID,
              WHAT,
              Verdict.LIMITED,
              "a guest's branches can be counted; no counter is calibrated yet",
              "Recording and replication run on soft until a counter of kvm is shown to be exact.")
          .with("branch_counter", true)
          .with("perf_event_paranoid", paranoid);
    } catch (KvmException e) {
      return Finding.of(
              ID,
              WHAT,
              Verdict.MISSING,
              "no branch counter: %s; perf_event_paranoid is %s"
                  .formatted(e.getMessage(), paranoid),
              "Recording and replication run on soft, which counts by itself.")
          .advise(e.advice())
          .with("branch_counter", false)
          .with("errno", e.errno())
          .with("perf_event_paranoid", paranoid);
    }
  }

  private static String paranoid() {
    try {
      return Files.readString(PARANOID).strip();
    } catch (IOException e) {
      return "unknown";
    }
  }
}

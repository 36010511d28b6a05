package dev.lockstep.cli.doctor;

import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.perf.HardwareEvent;
import dev.lockstep.kvm.perf.PerfAttributes;
import dev.lockstep.kvm.perf.PerfEvent;
import dev.lockstep.kvm.perf.PerfFlag;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.Verdict;
import dev.lockstep.vmm.engine.HostCounter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether the processor's counters can count a guest's branches. */
final class CounterCheck {
  private static final String ID = "pmu", WHAT = "PMU";
  private static final Path PARANOID = Path.of("/proc/sys/kernel/perf_event_paranoid");

  private CounterCheck() {}

  /** Opens a counter; whether it is exact only a calibration says. */
  static Finding ask(HostCounter counter) {
    // Guests only, and never by turns with other counters: as an exact count needs it.
    PerfAttributes branches =
        PerfAttributes.of(HardwareEvent.BRANCH_INSTRUCTIONS)
            .with(PerfFlag.DISABLED, PerfFlag.PINNED, PerfFlag.EXCLUDE_HOST);
    String paranoid = paranoid();
    try (PerfEvent _ = PerfEvent.openOnThread(branches, 0)) {
      Finding finding =
          switch (counter) {
            case HostCounter.Fit it ->
                Finding.of(
                    ID,
                    WHAT,
                    Verdict.OK,
                    "a guest's branches are counted exactly: %s, calibrated skid %,d"
                        .formatted(it.profile().event(), it.profile().limits().skidBound()),
                    "What is recorded can run on kvm, if nothing else stands against it.");
            case HostCounter.Unfit(String reason, String advice) ->
                Finding.of(
                        ID,
                        WHAT,
                        Verdict.LIMITED,
                        "a guest's branches can be counted, but not exactly for certain: " + reason,
                        "Recording and replication run on soft until a counter of kvm is shown to be exact.")
                    .advise(advice);
          };
      return finding.with("branch_counter", true).with("perf_event_paranoid", paranoid);
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

package dev.lockstep.kvmcpu.counted;

import static org.junit.jupiter.api.Assumptions.abort;

import dev.lockstep.counting.BranchCounter;
import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.HardwareCounter;
import dev.lockstep.counting.host.CounterChoice;
import dev.lockstep.counting.host.HostFactsReader;
import dev.lockstep.counting.perf.PerfDevice;
import dev.lockstep.kvm.ThreadAffinity;
import java.nio.file.Path;

/** The branch counter of this host's PMU, with what is known of its kind: whether it is exact calibration tells, in a test of its own. */
final class HostCounter {
  private final CounterChoice.Proposed proposed;

  private HostCounter(CounterChoice.Proposed proposed) {
    this.proposed = proposed;
  }

  /** Aborts the test, with the reason, where there is none. */
  static HostCounter need() {
    return switch (CounterChoice.of(new HostFactsReader(Path.of("/")).read())) {
      case CounterChoice.Proposed it -> new HostCounter(it);
      case CounterChoice.None it ->
          abort("kvm is not tested with a hardware counter: " + it.reason() + ". " + it.advice());
    };
  }

  /** Opens it for the calling thread. */
  BranchCounter open() {
    if (!proposed.cpus().isEmpty()) {
      ThreadAffinity.keepOn(proposed.cpus());
    }
    return new HardwareCounter(
        PerfDevice.open(proposed.event()),
        proposed.event().semantics(),
        new CounterLimits(proposed.microarchitecture().usualSkid(), 1, true),
        ExcessTable.NONE);
  }
}

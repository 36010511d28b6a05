package dev.lockstep.counting.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.counting.host.CounterChoice;
import dev.lockstep.counting.host.HostFacts;
import dev.lockstep.counting.host.HostFactsReader;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.ThreadAffinity;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The counter of this host's PMU, where there is one. */
@Timeout(120)
final class HardwareCounterTest {
  @Test
  void thisHostsCounterIsExact() throws InterruptedException {
    HostFacts host = new HostFactsReader(Path.of("/")).read();
    CounterChoice choice = CounterChoice.of(host);
    if (!(choice instanceof CounterChoice.Proposed proposed)) {
      CounterChoice.None none = (CounterChoice.None) choice;
      abort("no hardware counter is calibrated: " + none.reason());
      return;
    }
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: no hardware counter is calibrated");
    Object[] result = new Object[1];
    Thread thread = Thread.ofPlatform().start(() -> result[0] = calibrate(proposed));
    thread.join();
    if (result[0] instanceof VmmException e) {
      abort("no hardware counter is calibrated: " + e.getMessage() + ". " + e.advice());
    }
    CalibrationReport report = (CalibrationReport) result[0];
    String text = String.join("\n", report.lines());
    System.out.println(host.line() + "\n" + text);
    assertThat(report.verdict()).as(text).isInstanceOf(CalibrationVerdict.Exact.class);
  }

  private static Object calibrate(CounterChoice.Proposed proposed) {
    try (Kvm kvm = Kvm.open()) {
      if (!proposed.cpus().isEmpty()) {
        ThreadAffinity.keepOn(proposed.cpus());
      }
      try (KvmSubject subject = KvmSubject.open(kvm, proposed.event())) {
        return Calibration.run(
            subject, Calibration.Extent.FULL, proposed.microarchitecture().usualSkid(), 1);
      }
    } catch (RuntimeException e) {
      return e;
    }
  }
}

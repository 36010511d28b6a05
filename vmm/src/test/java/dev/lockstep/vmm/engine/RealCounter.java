package dev.lockstep.vmm.engine;

import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.counting.calibration.Calibration;
import dev.lockstep.counting.calibration.CalibrationReport;
import dev.lockstep.counting.calibration.CalibrationVerdict;
import dev.lockstep.counting.calibration.CounterProfile;
import dev.lockstep.counting.calibration.KvmSubject;
import dev.lockstep.counting.host.CounterChoice;
import dev.lockstep.counting.host.HostFacts;
import dev.lockstep.counting.host.HostFactsReader;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.ThreadAffinity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/** The hardware counter of this host for tests that are tagged {@code hardware}: calibrated anew, so that nobody need have done it before. */
public final class RealCounter {
  private static final String SKIPPED = "this host's hardware counter is not tested: ";

  private RealCounter() {}

  /**
   * The counter; without one, or with one that is not exact, the test is skipped with the reason.
   *
   * @param folder for its profile
   */
  public static HostCounter.Fit required(Path folder) throws InterruptedException {
    HostFacts host = new HostFactsReader(Path.of("/")).read();
    if (!(CounterChoice.of(host) instanceof CounterChoice.Proposed proposed)) {
      return abort(SKIPPED + ((CounterChoice.None) CounterChoice.of(host)).reason());
    }
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        SKIPPED + "no /dev/kvm for this user");
    AtomicReference<Object> result = new AtomicReference<>();
    // On hybrid CPUs the thread is held to some cores.
    Thread thread = Thread.ofPlatform().start(() -> result.set(calibrate(proposed)));
    thread.join();
    return switch (Objects.requireNonNull(result.get())) {
      case CalibrationVerdict.Exact it -> fit(host, proposed, it, folder.resolve("counter"));
      case CalibrationVerdict.Refused it -> abort(SKIPPED + String.join("; ", it.reasons()));
      case VmmException it -> abort(SKIPPED + it.getMessage() + ". " + it.advice());
      case RuntimeException it -> throw it;
      default -> throw new IllegalStateException(String.valueOf(result.get()));
    };
  }

  private static Object calibrate(CounterChoice.Proposed proposed) {
    try (Kvm kvm = Kvm.open()) {
      if (!proposed.cpus().isEmpty()) {
        ThreadAffinity.keepOn(proposed.cpus());
      }
      try (KvmSubject subject = KvmSubject.open(kvm, proposed.event())) {
        CalibrationReport report =
            Calibration.run(
                subject, Calibration.Extent.FULL, proposed.microarchitecture().usualSkid(), 1);
        return report.verdict();
      }
    } catch (RuntimeException e) {
      return e;
    }
  }

  private static HostCounter.Fit fit(
      HostFacts host,
      CounterChoice.Proposed proposed,
      CalibrationVerdict.Exact exact,
      Path profile) {
    new CounterProfile(
            host.line(),
            proposed.event().name(),
            proposed.event().measured().type(),
            proposed.event().measured().config(),
            0,
            proposed.event().semantics(),
            exact.limits(),
            exact.excess())
        .save(profile);
    return switch (HostCounter.of(host, profile)) {
      case HostCounter.Fit it -> it;
      case HostCounter.Unfit it -> abort(SKIPPED + it.reason());
    };
  }
}

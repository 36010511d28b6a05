package dev.lockstep.cli.doctor;

import dev.lockstep.counting.calibration.Calibration;
import dev.lockstep.counting.calibration.CalibrationReport;
import dev.lockstep.counting.calibration.CalibrationVerdict;
import dev.lockstep.counting.calibration.CounterProfile;
import dev.lockstep.counting.calibration.Histogram;
import dev.lockstep.counting.calibration.KickPath;
import dev.lockstep.counting.calibration.KvmSubject;
import dev.lockstep.counting.host.CounterChoice;
import dev.lockstep.counting.host.HostFacts;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.ThreadAffinity;
import dev.lockstep.kvm.perf.SoftwareEvent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * {@code lockstep doctor --calibrate}: how exact this host's counter is, and how late its overflows come. Where there is no PMU it says so, and shows the way from an overflow to a kick by the kernel's clocks.
 *
 * @param lines for people
 * @param values for programs
 */
public record CounterCalibration(List<String> lines, Map<String, Object> values) {
  private static final int JSON_VERSION = 1;
  private static final int KICKS = 200, ROWS = 10;
  private static final String LINE = "%-20s %-8s %s";

  /** Copies. */
  public CounterCalibration {
    lines = List.copyOf(lines);
  }

  /**
   * Calibrates. Takes some seconds.
   *
   * @param kvmDevice usually /dev/kvm
   * @param profile where the profile is written, if the counter is exact
   * @throws VmmException if KVM cannot be used, or the profile not be written
   */
  public static CounterCalibration run(Path kvmDevice, HostFacts host, Path profile) {
    Run run = new Run(kvmDevice, host, profile);
    // The thread's kick signal stays blocked, and on hybrid CPUs it is held to some cores.
    Thread thread = Thread.ofPlatform().name("calibration").start(run);
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VmmException("the calibration was interrupted", "Start it again.", e);
    }
    RuntimeException thrown = run.thrown;
    if (thrown != null) {
      throw thrown;
    }
    return new CounterCalibration(run.lines, run.values);
  }

  /** The calibration on a thread of its own. */
  private static final class Run implements Runnable {
    private final Path kvmDevice;
    private final HostFacts host;
    private final Path profile;
    private final List<String> lines = new ArrayList<>();
    private final Map<String, Object> values = new LinkedHashMap<>();
    private @Nullable RuntimeException thrown;

    Run(Path kvmDevice, HostFacts host, Path profile) {
      this.kvmDevice = kvmDevice;
      this.host = host;
      this.profile = profile;
    }

    @Override
    public void run() {
      values.put("version", JSON_VERSION);
      values.put("host", host.line());
      lines.add(LINE.formatted("host", "", host.line()));
      try (Kvm kvm = Kvm.open(kvmDevice)) {
        switch (CounterChoice.of(host)) {
          case CounterChoice.Proposed proposed -> calibrate(kvm, proposed);
          case CounterChoice.None none -> missing(none.reason(), none.advice());
        }
        clocks(kvm);
      } catch (KvmException e) {
        thrown = new VmmException("KVM: " + e.getMessage(), e.advice(), e);
      } catch (RuntimeException e) {
        thrown = e;
      }
    }

    private void missing(String reason, String advice) {
      lines.add(LINE.formatted("counter", "missing", reason));
      lines.add(LINE.formatted("", "", "-> " + advice));
      values.put("verdict", "missing");
      values.put("reasons", List.of(reason));
    }

    private void calibrate(Kvm kvm, CounterChoice.Proposed proposed) {
      long config = proposed.event().measured().config();
      String name = "%s, event 0x%x".formatted(proposed.event().name(), config);
      values.put("event", proposed.event().name());
      values.put("config", "0x" + Long.toHexString(config));
      values.put("microarchitecture", proposed.microarchitecture().name().toLowerCase(Locale.ROOT));
      values.put("warnings", proposed.warnings());
      if (!proposed.cpus().isEmpty()) {
        ThreadAffinity.keepOn(proposed.cpus());
      }
      CalibrationReport report;
      try (KvmSubject subject = KvmSubject.open(kvm, proposed.event())) {
        report =
            Calibration.run(
                subject,
                Calibration.Extent.FULL,
                proposed.microarchitecture().usualSkid(),
                System.nanoTime());
      } catch (VmmException e) {
        missing(String.valueOf(e.getMessage()), e.advice());
        return;
      }
      tell(name, proposed, report);
    }

    private void tell(String name, CounterChoice.Proposed proposed, CalibrationReport report) {
      boolean exact = report.verdict() instanceof CalibrationVerdict.Exact;
      lines.add(LINE.formatted("counter", exact ? "ok" : "limited", name));
      report.lines().forEach(line -> lines.add(LINE.formatted("", "", line)));
      proposed.warnings().forEach(it -> lines.add(LINE.formatted("", "", "-> " + it)));
      values.put("verdict", exact ? "exact" : "refused");
      values.put("skid_samples", report.skid().samples());
      values.put("skid_max", report.skid().samples() == 0 ? -1 : report.skid().max());
      switch (report.verdict()) {
        case CalibrationVerdict.Refused refused -> values.put("reasons", refused.reasons());
        case CalibrationVerdict.Exact it -> {
          values.put("skid_bound", it.limits().skidBound());
          values.put("minimum_period", it.limits().minimumPeriod());
          save(proposed, it);
        }
      }
    }

    private void save(CounterChoice.Proposed proposed, CalibrationVerdict.Exact exact) {
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
      lines.add(LINE.formatted("", "", "saved to " + profile));
      values.put("profile", profile.toString());
    }

    /** The way from an overflow to a kick, which needs no PMU. */
    private void clocks(Kvm kvm) {
      for (SoftwareEvent clock : SoftwareEvent.values()) {
        String word = clock.name().toLowerCase(Locale.ROOT);
        try {
          KickPath path = KickPath.run(kvm, clock, KICKS);
          Histogram micros = path.delayMicros();
          lines.add(
              LINE.formatted(
                  word.replace('_', ' '),
                  "ok",
                  "%d overflows kicked a guest in ring 3 out of KVM_RUN: median %,d us late, 99%% within %,d us, %d early"
                      .formatted(
                          path.kicks(), micros.perMille(500), micros.perMille(990), path.early())));
          micros.lines(ROWS).forEach(line -> lines.add(LINE.formatted("", "", line)));
          values.put(word + "_kicks", path.kicks());
          values.put(word + "_median_micros", micros.perMille(500));
        } catch (VmmException e) {
          lines.add(LINE.formatted(word.replace('_', ' '), "missing", e.getMessage()));
          lines.add(LINE.formatted("", "", "-> " + e.advice()));
        }
      }
    }
  }
}

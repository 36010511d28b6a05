package dev.lockstep.cli.doctor;

import dev.lockstep.cli.start.StartCache;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.preflight.NativeLibraryException;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.Verdict;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.EngineChooser;
import dev.lockstep.vmm.engine.Purpose;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Asks a host everything that matters to Lockstep. Changes nothing on it. */
public final class Examination {
  private Examination() {}

  /**
   * Asks. Takes some seconds; never throws for what a host lacks.
   *
   * @param kvmDevice usually /dev/kvm
   * @param guestImage where the default guest's image is, or will be
   */
  public static Diagnosis of(Path kvmDevice, Path guestImage) {
    List<Finding> findings = new ArrayList<>(new HostProbes(kvmDevice).findings());
    EngineChooser chooser = new EngineChooser(kvmDevice, findings);
    if (findings.getFirst().verdict() == Verdict.OK) {
      findings.add(chooser.selfTest());
    }
    findings.add(guarded("pmu", "PMU", () -> CounterCheck.ask(chooser.counter())));
    findings.add(guarded("tap", "tap", NetworkCheck::tap));
    findings.add(guarded("passt", "passt", () -> NetworkCheck.passt(System.getenv("PATH"))));
    findings.add(guarded("memory", "memory", RoomCheck::memory));
    findings.add(
        guarded(
            "disk", "disk", () -> RoomCheck.disk(Path.of(System.getProperty("java.io.tmpdir")))));
    findings.add(guarded("open_files", "open files", RoomCheck::openFiles));
    findings.add(guarded("priority", "priority", PriorityCheck::urgent));
    findings.add(guarded("jdk", "JDK", SoftwareCheck::jdk));
    findings.add(guarded("translator", "translator", SoftwareCheck::translator));
    findings.add(guarded("start_cache", "start cache", () -> StartCheck.ask(StartCache.named())));
    findings.add(guarded("guest_image", "guest image", () -> SoftwareCheck.guestImage(guestImage)));
    Map<Purpose, EngineChoice> choices = new EnumMap<>(Purpose.class);
    for (Purpose purpose : Purpose.values()) {
      choices.put(purpose, chooser.choose(purpose));
    }
    return new Diagnosis(findings, choices);
  }

  private static Finding guarded(String id, String what, Supplier<Finding> check) {
    try {
      return check.get();
    } catch (KvmException e) {
      return unknown(id, what, String.valueOf(e.getMessage()), e.advice());
    } catch (NativeLibraryException e) {
      return unknown(id, what, String.valueOf(e.getMessage()), e.advice());
    }
  }

  private static Finding unknown(String id, String what, String why, String advice) {
    return Finding.of(
            id, what, Verdict.LIMITED, "cannot be asked: " + why, "What is there is not known.")
        .advise(advice);
  }
}

package dev.lockstep.vmm.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.Transition;
import dev.lockstep.counting.calibration.CounterProfile;
import dev.lockstep.counting.host.CpuIdentity;
import dev.lockstep.counting.host.HostFacts;
import dev.lockstep.counting.host.PmuDescription;
import dev.lockstep.counting.host.SpecLockMap;
import dev.lockstep.engine.BranchSemantics;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A profile is believed of the very host that it was made on, and of no other. */
final class HostCounterTest {
  private static final HostFacts HOST = host("0x1", "6.12.0");

  @TempDir Path folder;

  private static HostFacts host(String microcode, String kernel) {
    return new HostFacts(
        Optional.of(new CpuIdentity("GenuineIntel", 6, 183, 1, microcode, false)),
        kernel,
        List.of(
            new PmuDescription("cpu_core", 4, Set.of(0, 1, 2)),
            new PmuDescription("cpu_atom", 8, Set.of(3, 4))),
        SpecLockMap.NotThere.NOT_THERE,
        false,
        Optional.empty());
  }

  private static CounterProfile profile(HostFacts host, long config, Map<Transition, Long> excess) {
    return new CounterProfile(
        host.line(),
        "retired conditional branches",
        4,
        config,
        0,
        BranchSemantics.CONDITIONAL,
        new CounterLimits(90, 1, false),
        new ExcessTable(excess));
  }

  private HostCounter saved(CounterProfile profile) {
    Path file = folder.resolve("counter");
    profile.save(file);
    return HostCounter.of(HOST, file);
  }

  private static void refused(HostCounter counter, String reason, String advice) {
    assertThat(counter)
        .isInstanceOfSatisfying(
            HostCounter.Unfit.class,
            it -> {
              assertThat(it.reason()).contains(reason).doesNotContain("\n");
              assertThat(it.advice()).contains(advice);
            });
  }

  @Test
  void thatOfThisHostIsTaken() {
    CounterProfile profile = profile(HOST, 0x5111c4, Map.of(Transition.INJECTION, 1L));
    assertThat(saved(profile)).isEqualTo(new HostCounter.Fit(profile, Set.of(0, 1, 2)));
  }

  @Test
  void withoutAProfileItIsToBeCalibrated() {
    refused(
        HostCounter.of(HOST, folder.resolve("none")), "there is no profile", "doctor --calibrate");
  }

  @Test
  void thatOfAnotherMicrocodeOrKernelIsNot() {
    refused(
        saved(profile(host("0x2", "6.12.0"), 0x5111c4, Map.of())),
        "calibrated on another host",
        "doctor --calibrate");
    refused(
        saved(profile(host("0x1", "6.13.0"), 0x5111c4, Map.of())),
        "calibrated on another host",
        "doctor --calibrate");
  }

  @Test
  void thatOfAnotherEventIsNot() {
    refused(saved(profile(HOST, 0x5101c4, Map.of())), "event 0x5101c4", "doctor --calibrate");
  }

  @Test
  void anExcessAtEachExitIsNotForKvm() {
    refused(
        saved(profile(HOST, 0x5111c4, Map.of(Transition.EXIT, 2L))),
        "it counts 2 events at each exit",
        "--engine soft");
  }

  @Test
  void aDamagedProfileSaysWhatIsWrong() throws Exception {
    Path file = Files.writeString(folder.resolve("counter"), "version = 1\n");
    refused(HostCounter.of(HOST, file), "is refused: field", "doctor --calibrate");
  }

  @Test
  void aHostWithoutPmuHasNone() {
    HostFacts without =
        new HostFacts(
            HOST.cpu(),
            HOST.kernel(),
            List.of(),
            SpecLockMap.NotThere.NOT_THERE,
            false,
            Optional.empty());
    refused(HostCounter.of(without, folder.resolve("none")), "no PMU", "--engine soft");
  }
}

package dev.lockstep.vmm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.kvmcpu.probe.Verdict;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What auto takes, and that it says why. */
@Timeout(60)
final class EngineChooserTest {
  @ParameterizedTest
  @EnumSource(
      value = Purpose.class,
      names = {"RECORDED", "REPLICATED"})
  void whatMustBeRepeatedRunsOnSoft(Purpose purpose) {
    EngineChoice choice = new EngineChooser().choose(purpose);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.counter()).contains("exact");
    assertThat(choice.reason()).contains("exact branch counter").doesNotContain("\n");
  }

  /** The time-stamp counter is a reason of its own exactly where the probe says so. */
  @Test
  void whatStandsAgainstRecordingIsNamedWhole() {
    assumeTrue(
        Files.isWritable(Kvm.DEVICE), "SKIPPED: no /dev/kvm for this user, nothing is probed");
    boolean trapped = HostTraits.of(new HostProbes(Kvm.DEVICE).findings()).rdtscTrappable();
    List<String> reasons = new EngineChooser().obstacles(Purpose.RECORDED, null);
    assertThat(reasons).hasSize(trapped ? 1 : 2);
    assertThat(reasons.getFirst()).contains("exact branch counter");
    if (!trapped) {
      assertThat(reasons.getLast())
          .contains("time-stamp counter cannot be exact")
          .contains("KVM lets programs read it though CR4.TSD is set");
    }
    System.out.printf("recording on kvm: %s%n", String.join("; ", reasons));
  }

  @Test
  void withoutADeviceTheCounterAloneIsTheReason() {
    assertThat(new EngineChooser(Path.of("/dev/no-such-kvm")).obstacles(Purpose.REPLICATED, null))
        .singleElement()
        .asString()
        .contains("exact branch counter");
  }

  @Test
  void withoutADeviceItIsSoft() {
    EngineChoice choice =
        new EngineChooser(Path.of("/dev/no-such-kvm")).choose(Purpose.FREE_RUNNING);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.reason()).contains("ENOENT").doesNotContain("\n");
  }

  @Test
  void withoutPermissionItIsSoft() {
    EngineChoice choice =
        new EngineChooser(Path.of("/sys/devices/system/cpu/online")).choose(Purpose.FREE_RUNNING);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.reason()).containsAnyOf("EACCES", "EROFS");
  }

  @Test
  void withoutACapabilityItIsSoft() {
    Finding kvm = Finding.of("kvm", "KVM", Verdict.OK, "is there", "Good.");
    Finding capabilities =
        Finding.of(
            "capabilities", "KVM capabilities", Verdict.MISSING, "without KVM_CAP_XSAVE", "Bad.");
    EngineChoice choice =
        new EngineChooser(Kvm.DEVICE, List.of(kvm, capabilities)).choose(Purpose.FREE_RUNNING);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.reason()).contains("KVM_CAP_XSAVE");
  }

  @Test
  void aHostIsTakenAsItsProbesSay() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: auto's choice is not tried on kvm");
    List<Finding> findings = new HostProbes(Kvm.DEVICE).essentials();
    EngineChooser chooser = new EngineChooser(Kvm.DEVICE, findings);
    EngineChoice choice = chooser.choose(Purpose.FREE_RUNNING);
    boolean passed = chooser.selfTest().flag("passed").orElse(false);
    boolean wanted = HostTraits.of(findings).ring0Native() && passed;
    assertThat(choice.engine()).isEqualTo(wanted ? "kvm" : "soft");
    assertThat(choice.reason()).isNotBlank().doesNotContain("\n");
    System.out.println("engine choice: " + choice);
  }
}

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

/** What auto takes, and that it says why. */
@Timeout(60)
final class EngineChooserTest {
  private static final Path NOWHERE = Path.of("/dev/no-such-kvm");

  private static final HostCounter UNFIT =
      new HostCounter.Unfit("it is not calibrated", "Calibrate.");

  @Test
  void replicationRunsOnSoft() {
    EngineChoice choice =
        new EngineChooser(Kvm.DEVICE, Hosts.good(true), Hosts.FIT).choose(Purpose.REPLICATED);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.counter()).contains("exact");
    assertThat(choice.reason()).contains("exact branch counter").doesNotContain("\n");
  }

  @Test
  void aCalibratedCounterRecordsOnKvm() {
    EngineChoice choice =
        new EngineChooser(NOWHERE, Hosts.good(true), Hosts.FIT).choose(Purpose.RECORDED);
    assertThat(choice.engine()).isEqualTo("kvm");
    assertThat(choice.counting()).isEqualTo(Counting.PERF);
    assertThat(choice.patchTsc()).isTrue();
    assertThat(choice.counter()).contains("exact", "retired conditional branches", "skid 90");
    assertThat(choice.reason())
        .contains("ring 0 is native", "self-test passed", "counter is calibrated")
        .doesNotContain("\n");
  }

  @Test
  void aCounterThatIsNotFitRecordsOnSoft() {
    EngineChoice choice =
        new EngineChooser(NOWHERE, Hosts.good(true), UNFIT).choose(Purpose.RECORDED);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.patchTsc()).isFalse();
    assertThat(choice.reason())
        .contains("exact branch counter", "it is not calibrated")
        .doesNotContain("\n");
  }

  @Test
  void readsThatNobodySeesRecordOnSoft() {
    EngineChooser host = new EngineChooser(NOWHERE, Hosts.good(false), Hosts.FIT);
    EngineChoice choice = host.choose(Purpose.RECORDED);
    assertThat(choice.engine()).isEqualTo("soft");
    assertThat(choice.reason()).contains("time-stamp counter cannot be exact");
    assertThat(host.obstacles(Purpose.RECORDED, null)).hasSize(1);
  }

  @Test
  void whatStandsAgainstRecordingIsNamedWhole() {
    assertThat(
            new EngineChooser(NOWHERE, Hosts.good(false), UNFIT).obstacles(Purpose.RECORDED, null))
        .satisfiesExactly(
            reason -> assertThat(reason).contains("exact branch counter"),
            reason ->
                assertThat(reason)
                    .contains("time-stamp counter cannot be exact")
                    .contains("KVM lets programs read it though CR4.TSD is set"));
  }

  @Test
  void aGoodCounterDoesNotMakeUpForTheRest() {
    assertThat(new EngineChooser(NOWHERE, Hosts.slow(), Hosts.FIT).choose(Purpose.RECORDED))
        .satisfies(choice -> assertThat(choice.engine()).isEqualTo("soft"))
        .satisfies(choice -> assertThat(choice.reason()).contains("no hardware virtualisation"));
  }

  @Test
  void withoutADeviceTheCounterAloneIsTheReason() {
    assertThat(new EngineChooser(NOWHERE).obstacles(Purpose.REPLICATED, null))
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

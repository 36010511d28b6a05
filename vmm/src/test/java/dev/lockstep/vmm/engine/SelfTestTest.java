package dev.lockstep.vmm.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.kvmcpu.probe.Verdict;
import dev.lockstep.softcpu.SoftVcpu;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The self-test tells a good engine from a bad one. */
@Timeout(60)
final class SelfTestTest {
  private static final long LIMIT_NANOS = 30_000_000_000L;

  @Test
  void theGuestDoesItsWork() {
    SelfTestRun.Result result = SelfTestRun.alone("soft", SelfTestTest::soft, LIMIT_NANOS);
    assertThat(result.problem()).isEmpty();
    assertThat(result.said()).hasSize(5);
    assertThat(result.said().get(0)).as("booted").isEqualTo(1);
    assertThat(result.said().get(3)).as("interrupts").isEqualTo(100);
  }

  @Test
  void movingFromEngineToEngineChangesNothing() {
    SelfTestRun.Result alone = SelfTestRun.alone("soft", SelfTestTest::soft, LIMIT_NANOS);
    SelfTestRun.Result moving =
        SelfTestRun.moving("two", SelfTestTest::soft, SelfTestTest::soft, LIMIT_NANOS);
    assertThat(moving.differenceFrom(alone)).isEmpty();
    assertThat(moving.moves()).isGreaterThan(100);
  }

  @Test
  void anEngineThatGetsAResultWrongFails() {
    SelfTestRun.Result good = SelfTestRun.alone("soft", SelfTestTest::soft, LIMIT_NANOS);
    SelfTestRun.Result wrong =
        new SelfTestRun.Result("kvm", List.of(1, 2, 3, 100, 5), good.data(), 0, "");
    assertThat(wrong.differenceFrom(good)).contains("on kvm result 2 differs");
    assertThat(new SelfTestRun.Result("kvm", good.said(), 1, 0, "").differenceFrom(good))
        .contains("memory differs");
    assertThat(new SelfTestRun.Result("kvm", List.of(1), 1, 0, "it hangs").differenceFrom(good))
        .contains("it hangs, after result 1 of 5");
  }

  @Test
  void anEngineThatIsTooSlowFails() {
    assertThat(SelfTestRun.alone("soft", SelfTestTest::soft, 0).problem())
        .isEqualTo("it takes too long");
  }

  @Test
  void thisHostPassesWhereRing0IsNative() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the self-test is not run on kvm");
    Finding finding = new SelfTest(Kvm.DEVICE).run();
    System.out.println("self-test of kvm: " + finding.found());
    HostTraits traits = HostTraits.of(new HostProbes(Kvm.DEVICE).findings());
    if (traits.ring0Native()) {
      assertThat(finding.verdict()).as(finding.found()).isEqualTo(Verdict.OK);
    } else {
      assertThat(finding.found()).startsWith(finding.verdict() == Verdict.OK ? "passed" : "failed");
    }
  }

  @Test
  void aHostWithoutKvmFailsInWords() {
    Finding finding = new SelfTest(Path.of("/dev/no-such-kvm")).run();
    assertThat(finding.verdict()).isEqualTo(Verdict.MISSING);
    assertThat(finding.found()).contains("ENOENT");
  }

  private static Vcpu soft(GuestMemory memory) {
    return SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> 0, BranchSemantics.ALL_TRANSFERS);
  }
}

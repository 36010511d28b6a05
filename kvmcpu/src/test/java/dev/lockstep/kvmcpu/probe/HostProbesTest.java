package dev.lockstep.kvmcpu.probe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.kvm.Kvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the probes say of this host fits together, and no host hangs or breaks them. */
@Timeout(60)
final class HostProbesTest {
  @Test
  void everyProbeAnswersOnThisHost() {
    assumeKvm();
    List<Finding> findings = new HostProbes(Kvm.DEVICE).findings();
    assertThat(findings)
        .extracting(Finding::id)
        .containsExactly(
            "kvm",
            "capabilities",
            "ring0",
            "exit",
            "single_step",
            "breakpoints",
            "watchpoints",
            "translations",
            "cpuid",
            "rdtsc",
            "syscall",
            "interrupts",
            "instructions",
            "msr_filter",
            "dirty_log",
            "dirty_ring",
            "hypercall");
    assertThat(findings)
        .allSatisfy(it -> {
          assertThat(it.what()).isNotBlank();
          assertThat(it.found()).isNotBlank();
          assertThat(it.meaning()).endsWith(".");
        });
    // A guest that hangs is one only where hypercalls do not come back.
    assertThat(findings)
        .filteredOn(it -> it.flag("cut_off").orElse(false))
        .extracting(Finding::id)
        .isSubsetOf("hypercall");
  }

  @Test
  void traitsAreThoseThatTheEngineFinds() {
    assumeKvm();
    HostTraits traits = HostTraits.of(new HostProbes(Kvm.DEVICE).findings());
    HostTraits engine = new HostProbes(Kvm.DEVICE).traits();
    assertThat(engine.irqWindowPrompt()).isEqualTo(traits.irqWindowPrompt());
    assertThat(engine.cpuidFiltered()).isEqualTo(traits.cpuidFiltered());
    assertThat(engine.guestWatchpointsFire()).isEqualTo(traits.guestWatchpointsFire());
    assertThat(engine.translationsFollowPaging()).isEqualTo(traits.translationsFollowPaging());
    assertThat(engine.ring0Native()).isEqualTo(traits.ring0Native());
    // Interpreted code is slower than native code, and both do something.
    assertThat(traits.ring0MillionInstructionsPerSecond()).isPositive();
    assertThat(traits.ring3MillionInstructionsPerSecond()).isGreaterThan(30);
    assertThat(traits.exitRoundTripNanos()).isPositive();
    if (!traits.ring0Native()) {
      assertThat(traits.ring0MillionInstructionsPerSecond())
          .isLessThan(traits.ring3MillionInstructionsPerSecond());
    }
    assertThat(traits.dirtyLog()).isTrue();
    assertThat(traits.msrFilter()).isTrue();
  }

  @Test
  void essentialsAreSomeOfTheWhole() {
    assumeKvm();
    assertThat(new HostProbes(Kvm.DEVICE).essentials())
        .extracting(Finding::id)
        .containsExactly("kvm", "capabilities", "ring0");
  }

  @Test
  void aGuestThatNeverExitsIsCutOff() {
    assumeKvm();
    HostProbe endless =
        new TestProbe("endless") {
          @Override
          public Finding run(ProbeContext context) {
            // jmp to itself
            context.guest(Ring.KERNEL, 0xeb, 0xfe).run();
            throw new AssertionError("the guest came back");
          }
        };
    List<Finding> findings = new HostProbes(Kvm.DEVICE, List.of(endless, endless)).findings();
    assertThat(findings).hasSize(3);
    assertThat(findings.subList(1, 3))
        .allSatisfy(it -> {
          assertThat(it.verdict()).isEqualTo(Verdict.MISSING);
          assertThat(it.flag("cut_off")).contains(true);
          assertThat(it.found()).contains("cut off");
        });
    // Kicked out, not left behind.
    assertThat(Thread.getAllStackTraces().keySet())
        .extracting(Thread::getName)
        .doesNotContain("probe endless");
  }

  @Test
  void aProbeThatCannotBeKickedIsLeftBehind() {
    assumeKvm();
    CountDownLatch never = new CountDownLatch(1);
    HostProbe stuck =
        new TestProbe("stuck") {
          @Override
          public Finding run(ProbeContext context) {
            while (never.getCount() > 0) {
              try {
                never.await();
              } catch (InterruptedException e) {
                // As a kernel that does not listen.
              }
            }
            return cutOff();
          }
        };
    try {
      List<Finding> findings = new HostProbes(Kvm.DEVICE, List.of(stuck)).findings();
      assertThat(findings.get(1).flag("cut_off")).contains(true);
      assertThat(Thread.getAllStackTraces().keySet())
          .extracting(Thread::getName)
          .contains("probe stuck");
    } finally {
      never.countDown();
    }
  }

  @Test
  void aDeviceThatIsNotThereIsAFinding() {
    Finding finding = onlyFinding("/dev/no-such-kvm");
    assertThat(finding.found()).contains("ENOENT");
    assertThat(finding.advice()).contains("--engine soft");
  }

  @Test
  void aDeviceThatIsNotPermittedIsAFinding() {
    // Not even root may write there.
    Finding finding = onlyFinding("/sys/devices/system/cpu/online");
    assertThat(finding.found()).containsAnyOf("EACCES", "EROFS");
    assertThat(finding.advice()).isNotBlank();
  }

  @Test
  void aDeviceThatIsNoKvmIsAFinding() {
    assertThat(onlyFinding("/dev/null").found()).contains("KVM_GET_API_VERSION");
  }

  @Test
  void traitsOfNothingAreNone() {
    HostTraits traits = HostTraits.of(List.of());
    assertThat(traits.ring0Native()).isFalse();
    assertThat(traits.hypercallReturns()).isFalse();
    assertThat(traits.ring0MillionInstructionsPerSecond()).isZero();
  }

  private static Finding onlyFinding(String device) {
    List<Finding> findings = new HostProbes(Path.of(device)).findings();
    assertThat(findings).hasSize(1);
    assertThat(findings.getFirst().id()).isEqualTo("kvm");
    assertThat(findings.getFirst().verdict()).isEqualTo(Verdict.MISSING);
    return findings.getFirst();
  }

  private static void assumeKvm() {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the host probes are not run");
  }

  /** A probe with a short limit. */
  private abstract static class TestProbe implements HostProbe {
    private final String id;

    TestProbe(String id) {
      this.id = id;
    }

    @Override
    public String id() {
      return id;
    }

    @Override
    public String what() {
      return "a test";
    }

    @Override
    public long limitMillis() {
      return 50;
    }
  }
}

package dev.lockstep.vmm.engine;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.kvmcpu.probe.Finding;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.kvmcpu.probe.Verdict;
import dev.lockstep.softcpu.SoftVcpu;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Whether KVM runs a kernel as the software CPU does: {@link SelfTestGuest} on {@code soft}, on {@code kvm}, and moving between the two all the while must say the same and leave the same memory. In a thread
 * of its own that is left behind if the host hangs it.
 */
final class SelfTest {
  static final String ID = "self_test";

  private static final String WHAT = "self-test";
  private static final CpuModel MODEL = CpuModel.LOCKSTEP_V1;

  /** For each of the three runs. */
  private static final long LIMIT_NANOS = 5_000_000_000L;

  /** For all of them, with a grace for what does not look at the clock. */
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private final Path device;

  SelfTest(Path device) {
    this.device = device;
  }

  /** The finding where ring 0 is not native. */
  static Finding notDue() {
    return Finding.of(
            ID,
            WHAT,
            Verdict.LIMITED,
            "not run: ring 0 is not native",
            "Nothing depends on it, since --engine auto takes soft.")
        .with("passed", false)
        .with("run", false);
  }

  /** Runs it: some tenths of a second where ring 0 is native. */
  Finding run() {
    AtomicReference<Finding> result = new AtomicReference<>();
    Thread thread =
        Thread.ofPlatform()
            .daemon()
            .name("self-test")
            .start(() -> {
              try {
                result.set(compare());
              } catch (VmmException e) {
                result.set(failed(e.getMessage() + "; " + e.advice()));
              } catch (KvmException e) {
                result.set(failed(e.getMessage() + "; " + e.advice()));
              } catch (IllegalStateException | IllegalArgumentException e) {
                result.set(failed("a defect of Lockstep: " + e.getMessage()));
              }
            });
    try {
      thread.join(LIMIT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Finding found = result.get();
    return found == null ? failed("it does not end") : found;
  }

  private Finding compare() {
    try (Kvm kvm = Kvm.open(device)) {
      HostTraits traits = new HostProbes(device).traits();
      SelfTestRun.Result soft = SelfTestRun.alone("soft", SelfTest::soft, LIMIT_NANOS);
      long start = System.nanoTime();
      SelfTestRun.Result alone =
          SelfTestRun.alone("kvm", memory -> kvm(kvm, traits, memory), LIMIT_NANOS);
      SelfTestRun.Result moving =
          SelfTestRun.moving(
              "kvm and soft", memory -> kvm(kvm, traits, memory), SelfTest::soft, LIMIT_NANOS);
      long millis = (System.nanoTime() - start) / 1_000_000;
      String difference = alone.differenceFrom(soft) + moving.differenceFrom(soft);
      return difference.isEmpty()
          ? Finding.of(
                  ID,
                  WHAT,
                  Verdict.OK,
                  "passed in %,d ms, state moved %,d times".formatted(millis, moving.moves()),
                  "System calls, page faults, interrupts and moves of state are as on the software CPU.")
              .with("passed", true)
              .with("run", true)
              .with("millis", millis)
              .with("moves", moving.moves())
          : failed(difference);
    }
  }

  private static Finding failed(String why) {
    return Finding.of(
            ID,
            WHAT,
            Verdict.MISSING,
            "failed: " + why,
            "KVM on this host does not run a kernel as it should; --engine auto takes soft.")
        .advise("Use --engine soft, and report this line.")
        .with("passed", false)
        .with("run", true);
  }

  private static Vcpu soft(GuestMemory memory) {
    return SoftVcpu.create(MODEL, memory, count -> 0, BranchSemantics.ALL_TRANSFERS);
  }

  private static Vcpu kvm(Kvm kvm, HostTraits traits, GuestMemory memory) {
    return KvmVcpu.create(
        kvm,
        traits,
        MODEL,
        memory,
        BranchSemantics.ALL_TRANSFERS,
        (model, same, semantics, tsc) -> SoftVcpu.create(model, same, tsc, semantics));
  }
}

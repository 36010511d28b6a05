package dev.lockstep.kvmcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineUnderTest;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.softcpu.SoftVcpu;
import java.nio.file.Files;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/** This host's KVM under the engine contract. */
abstract class KvmUnderTest implements EngineUnderTest {
  private static @Nullable HostTraits found;

  /** Skips the suite, by name, where there is no KVM. */
  static void needDevice() {
    Assumptions.assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the engine contract is not run on kvm");
  }

  static HostTraits traits() {
    HostTraits t = found;
    if (t == null) {
      t = new HostProbes(Kvm.DEVICE).traits();
      found = t;
    }
    return t;
  }

  static KvmVcpu vcpu(GuestMemory memory, BranchSemantics semantics) {
    try (Kvm kvm = Kvm.open()) {
      return KvmVcpu.create(
          kvm,
          traits(),
          CpuModel.LOCKSTEP_V1,
          memory,
          semantics,
          (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
    }
  }

  @Override
  public Optional<String> lacks(Capability capability) {
    return capability == Capability.FROZEN_CPUID && !traits().cpuidFiltered()
        ? Optional.of("this host's KVM adds features of its own to CPUID")
        : Optional.empty();
  }

  @Override
  public void collectDirty(Vcpu vcpu) {
    vcpu.collectDirty();
  }
}

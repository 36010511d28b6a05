package dev.lockstep.kvmcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.softcpu.SoftVcpu;
import java.nio.file.Files;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;

/** The engine contract on this host's KVM. */
final class KvmContractTest extends EngineContract {
  private static final EngineUnderTest KVM =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "kvm";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return switch (capability) {
            case COUNT_ALL_TRANSFERS, COUNT_CONDITIONAL, SEEK, SEEK_IN_REPEAT ->
                Optional.of("no branch counter");
            case STRING_PORT_ITERATIONS ->
                Optional.of("KVM reads ahead for a repeated INS, several items an exit");
            case GUEST_WATCHPOINTS ->
                traits().guestWatchpointsFire()
                    ? Optional.empty()
                    : Optional.of("the guest's data breakpoints never fire on this host");
            case FROZEN_CPUID ->
                traits().cpuidFiltered()
                    ? Optional.empty()
                    : Optional.of("this host's KVM adds features of its own to CPUID");
            default -> Optional.empty();
          };
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
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
        public void collectDirty(Vcpu vcpu) {
          ((KvmVcpu) vcpu).collectDirty();
        }
      };

  private static @Nullable HostTraits found;

  private static HostTraits traits() {
    HostTraits t = found;
    if (t == null) {
      t = new HostProbes(Kvm.DEVICE).traits();
      found = t;
    }
    return t;
  }

  @BeforeAll
  static void deviceIsThere() {
    Assumptions.assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the engine contract is not run on kvm");
  }

  @Override
  protected EngineUnderTest engineUnderTest() {
    return KVM;
  }
}

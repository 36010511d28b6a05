package dev.lockstep.kvmcpu;

import dev.lockstep.counting.StepCountedVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The engine contract, counts and points included, on this host's KVM with the stepping counter. */
@Tag("long")
final class KvmSteppedContractTest extends EngineContract {
  private static final EngineUnderTest KVM =
      new KvmUnderTest() {
        @Override
        public String name() {
          return "kvm, stepped";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return capability == Capability.SPEED
              ? Optional.of("a step with its count takes some ten microseconds")
              : super.lacks(capability);
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          return new StepCountedVcpu(
              vcpu(memory, BranchSemantics.ALL_TRANSFERS), memory, semantics);
        }
      };

  @BeforeAll
  static void deviceIsThere() {
    KvmUnderTest.needDevice();
  }

  @Override
  protected EngineUnderTest engineUnderTest() {
    return KVM;
  }
}

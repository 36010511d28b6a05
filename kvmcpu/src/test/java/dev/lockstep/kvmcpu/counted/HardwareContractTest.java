package dev.lockstep.kvmcpu.counted;

import dev.lockstep.counting.HardwareCountedVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The engine contract, counts and points included, on this host's KVM with its PMU. */
@Tag("hardware")
final class HardwareContractTest extends EngineContract {
  private static final EngineUnderTest COUNTED =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "kvm, by this host's PMU";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return capability == Capability.COUNT_ALL_TRANSFERS
              ? Optional.of("a PMU counts conditional branches")
              : Optional.empty();
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          return new HardwareCountedVcpu(CountedEngines.kvm(memory), HostCounter.need()::open);
        }
      };

  @BeforeAll
  static void counterIsThere() {
    HostCounter.need();
  }

  @Override
  protected EngineUnderTest engineUnderTest() {
    return COUNTED;
  }
}

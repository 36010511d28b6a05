package dev.lockstep.kvmcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;

/** The engine contract on this host's KVM, which has no counter of its own. */
final class KvmContractTest extends EngineContract {
  private static final EngineUnderTest KVM =
      new KvmUnderTest() {
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
            default -> super.lacks(capability);
          };
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          return vcpu(memory, semantics);
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

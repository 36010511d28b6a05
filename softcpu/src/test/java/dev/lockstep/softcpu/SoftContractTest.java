package dev.lockstep.softcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import java.util.Optional;

/** The engine contract on the software CPU, which lacks nothing. */
final class SoftContractTest extends EngineContract {
  private static final EngineUnderTest SOFT =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "soft";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return Optional.empty();
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          return SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> 0, semantics);
        }
      };

  @Override
  protected EngineUnderTest engineUnderTest() {
    return SOFT;
  }
}

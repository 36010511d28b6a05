package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.Optional;

/** The engine contract, counts and points included, on the software CPU when it is only ever stepped and its own count is not looked at. */
final class SteppedContractTest extends EngineContract {
  private static final EngineUnderTest STEPPED =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "soft, stepped";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return Optional.empty();
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          return new StepCountedVcpu(
              SoftVcpu.create(
                  CpuModel.LOCKSTEP_V1, memory, count -> 0, BranchSemantics.ALL_TRANSFERS),
              memory,
              semantics);
        }
      };

  @Override
  protected EngineUnderTest engineUnderTest() {
    return STEPPED;
  }
}

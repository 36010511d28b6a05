package dev.lockstep.softcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import java.util.Optional;

/** The engine contract on the software CPU that goes from interpreter to translations and back at random. */
final class TranslatedContractTest extends EngineContract {
  private static final long SEED = Long.getLong("lockstep.seed", System.nanoTime());

  private static final EngineUnderTest MIXED =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "soft, translated at random";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return Optional.empty();
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          return SoftVcpu.create(
              CpuModel.LOCKSTEP_V1,
              memory,
              count -> 0,
              semantics,
              Translation.mixed(Translation.Target.HOST, SEED));
        }
      };

  @Override
  protected EngineUnderTest engineUnderTest() {
    return MIXED;
  }
}

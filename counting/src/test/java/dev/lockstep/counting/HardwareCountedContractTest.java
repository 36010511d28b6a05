package dev.lockstep.counting;

import dev.lockstep.counting.model.Excess;
import dev.lockstep.counting.model.ModelledEngine;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.contract.Capability;
import dev.lockstep.engine.contract.EngineContract;
import dev.lockstep.engine.contract.EngineUnderTest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.Map;
import java.util.Optional;

/** The engine contract, counts and points included, by a modelled PMU with skid, needless signals and an excess that is subtracted. */
final class HardwareCountedContractTest extends EngineContract {
  private static final PmuFaults FAULTS =
      PmuFaults.none(7)
          .withSkid(60, SkidShape.UNIFORM, 20)
          .withSignals(0, 2, 7)
          .withExcess(Transition.EXIT, Excess.of(1))
          .withExcess(Transition.INJECTION, Excess.of(2));
  private static final CounterLimits LIMITS = new CounterLimits(90, 1, false);
  private static final ExcessTable EXCESS =
      new ExcessTable(Map.of(Transition.EXIT, 1L, Transition.INJECTION, 2L));

  private static final EngineUnderTest COUNTED =
      new EngineUnderTest() {
        @Override
        public String name() {
          return "soft, by a modelled PMU";
        }

        @Override
        public Optional<String> lacks(Capability capability) {
          return Optional.empty();
        }

        @Override
        public Vcpu create(GuestMemory memory, BranchSemantics semantics) {
          SoftVcpu soft = SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> 0, semantics);
          ModelledEngine engine = new ModelledEngine(soft, (rip, into) -> 0, FAULTS);
          return new HardwareCountedVcpu(engine, () -> engine.counter(LIMITS, EXCESS));
        }
      };

  @Override
  protected EngineUnderTest engineUnderTest() {
    return COUNTED;
  }
}

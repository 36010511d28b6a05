package dev.lockstep.counting;

import dev.lockstep.counting.contract.SeekableContract;
import dev.lockstep.counting.model.Excess;
import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.Map;

/** A seekable engine's contract on the modelled PMU, with skid, needless signals and an excess that is subtracted. */
final class ModelledPmuContractTest extends SeekableContract {
  @Override
  protected Subject create(BareGuest guest) {
    SoftVcpu soft =
        SoftVcpu.create(
            CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, BranchSemantics.CONDITIONAL);
    PmuFaults faults =
        PmuFaults.none(5)
            .withSkid(300, SkidShape.UNIFORM, 30)
            .withSignals(0, 2, 5)
            .withExcess(Transition.EXIT, Excess.of(1))
            .withExcess(Transition.INJECTION, Excess.of(2));
    ModelledPmu pmu =
        new ModelledPmu(
            soft,
            (rip, into) -> readCode(guest.memory(), rip, into),
            faults,
            new CounterLimits(350, 1, false),
            new ExcessTable(Map.of(Transition.EXIT, 1L, Transition.INJECTION, 2L)));
    return new Subject() {
      @Override
      public Vcpu vcpu() {
        return soft;
      }

      @Override
      public SeekableVcpu seekable() {
        return pmu;
      }

      @Override
      public void loaded() {
        pmu.restored(0);
      }

      @Override
      public void kick() {
        soft.kick();
      }

      @Override
      public void inject(int vector) {
        pmu.injectInterrupt(vector);
      }

      @Override
      public void close() {
        soft.close();
      }
    };
  }
}

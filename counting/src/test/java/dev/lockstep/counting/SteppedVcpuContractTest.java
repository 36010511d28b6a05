package dev.lockstep.counting;

import dev.lockstep.counting.contract.SeekableContract;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.softcpu.SoftVcpu;

/** A seekable engine's contract on the stepping counter. */
final class SteppedVcpuContractTest extends SeekableContract {
  @Override
  protected Subject create(BareGuest guest) {
    SoftVcpu soft =
        SoftVcpu.create(
            CpuModel.LOCKSTEP_V1, guest.memory(), count -> 0, BranchSemantics.CONDITIONAL);
    SteppedVcpu stepped =
        new SteppedVcpu(soft, guest.memory(), BranchSemantics.CONDITIONAL, 1_000_000);
    return new Subject() {
      @Override
      public Vcpu vcpu() {
        return soft;
      }

      @Override
      public SeekableVcpu seekable() {
        return stepped;
      }

      @Override
      public void loaded() {
        stepped.restored(0);
      }

      @Override
      public void kick() {
        stepped.kick();
      }

      @Override
      public void inject(int vector) {
        soft.injectInterrupt(vector);
      }

      @Override
      public void close() {
        soft.close();
      }
    };
  }
}

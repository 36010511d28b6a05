package dev.lockstep.kvmcpu.counted;

import dev.lockstep.counting.BranchCounter;
import dev.lockstep.counting.CountedVcpu;
import dev.lockstep.counting.SeekableVcpu;
import dev.lockstep.counting.contract.SeekableContract;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.testkit.BareGuest;
import dev.lockstep.kvmcpu.KvmVcpu;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** What seeking needs of an engine, on this host's KVM with its PMU. */
@Tag("hardware")
final class HardwareSeekableTest extends SeekableContract {
  @BeforeAll
  static void counterIsThere() {
    HostCounter.need();
  }

  @Override
  protected Subject create(BareGuest guest) {
    KvmVcpu kvm = CountedEngines.kvm(guest.memory());
    BranchCounter counter = HostCounter.need().open();
    CountedVcpu counted = new CountedVcpu(kvm, counter);
    return new Subject() {
      @Override
      public Vcpu vcpu() {
        return kvm;
      }

      @Override
      public SeekableVcpu seekable() {
        return counted;
      }

      @Override
      public void loaded() {
        counted.restored(0);
      }

      @Override
      public void kick() {
        kvm.kick();
      }

      @Override
      public void inject(int vector) {
        kvm.injectInterrupt(vector);
      }

      @Override
      public void close() {
        counter.close();
        kvm.release();
        kvm.close();
      }
    };
  }
}

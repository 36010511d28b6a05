package dev.lockstep.kvmcpu.campaign;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.softcpu.SoftVcpu;
import java.nio.file.Files;

/** The two engines of a campaign, on this host. */
final class Engines implements AutoCloseable {
  private final Kvm kvm = Kvm.open();
  private final HostTraits traits = new HostProbes(Kvm.DEVICE).traits();

  /** Skips the test, by name, where there is no KVM. */
  static void need(String what) {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: " + what);
  }

  KvmVcpu kvm(GuestMemory memory) {
    return KvmVcpu.create(
        kvm,
        traits,
        CpuModel.LOCKSTEP_V1,
        memory,
        BranchSemantics.ALL_TRANSFERS,
        (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
  }

  SoftVcpu soft(GuestMemory memory) {
    return SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> 0, BranchSemantics.ALL_TRANSFERS);
  }

  @Override
  public void close() {
    kvm.close();
  }
}

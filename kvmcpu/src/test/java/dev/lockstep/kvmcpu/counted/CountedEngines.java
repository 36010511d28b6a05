package dev.lockstep.kvmcpu.counted;

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
import org.jspecify.annotations.Nullable;

/** Engines of this host that count conditional branches, or a skip that says why there are none. */
final class CountedEngines {
  private static @Nullable HostTraits traits;

  private CountedEngines() {}

  private static synchronized HostTraits traits() {
    HostTraits found = traits;
    if (found == null) {
      found = new HostProbes(Kvm.DEVICE).traits();
      traits = found;
    }
    return found;
  }

  static KvmVcpu kvm(GuestMemory memory) {
    assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "no /dev/kvm for this user: the counted kvm engine is not tested");
    try (Kvm kvm = Kvm.open()) {
      return KvmVcpu.create(
          kvm,
          traits(),
          CpuModel.LOCKSTEP_V1,
          memory,
          BranchSemantics.CONDITIONAL,
          (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
    }
  }
}

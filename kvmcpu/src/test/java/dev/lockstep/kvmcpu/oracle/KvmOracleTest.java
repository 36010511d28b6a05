package dev.lockstep.kvmcpu.oracle;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.softcpu.oracle.Depth;
import dev.lockstep.softcpu.oracle.EngineOracle;
import dev.lockstep.softcpu.oracle.OracleCampaign;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The instruction oracle with a guest's ring 3 as the real CPU: what the kvm engine executes is what the software CPU executes, and the state that goes in and comes out is whole. */
final class KvmOracleTest {
  @BeforeAll
  static void deviceIsThere() {
    Assumptions.assumeTrue(
        Files.isReadable(Kvm.DEVICE) && Files.isWritable(Kvm.DEVICE),
        "SKIPPED: no /dev/kvm for this user: the oracle does not ask a guest's ring 3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithRing3(String table) throws IOException {
    run(table, Depth.GLANCE);
  }

  @Tag("long")
  @ParameterizedTest
  @ValueSource(strings = {"forms.txt", "forms-sse.txt", "forms-x87.txt"})
  void everyFormAgreesWithRing3InDepth(String table) throws IOException {
    run(table, Depth.WHOLE);
  }

  @Test
  void casesThatOnceDifferedAgree() throws IOException {
    try (Kvm kvm = Kvm.open();
        EngineOracle<KvmVcpu> ring3 = ring3(kvm)) {
      assumeNative(ring3);
      OracleCampaign.replayCorpus(ring3);
    }
  }

  private static void run(String table, Depth depth) throws IOException {
    try (Kvm kvm = Kvm.open();
        EngineOracle<KvmVcpu> ring3 = ring3(kvm)) {
      assumeNative(ring3);
      OracleCampaign.run(ring3, table, depth);
    }
  }

  private static void assumeNative(EngineOracle<KvmVcpu> ring3) {
    Assumptions.assumeFalse(
        ring3.traits().nativeModes().isEmpty(),
        "SKIPPED: this host's KVM emulates ring 3 in every mode: it is no real CPU");
  }

  private static EngineOracle<KvmVcpu> ring3(Kvm kvm) {
    return new EngineOracle<>("kvm", memory -> vcpu(kvm, memory), KvmVcpu::instructionsFinished);
  }

  private static KvmVcpu vcpu(Kvm kvm, GuestMemory memory) {
    return KvmVcpu.create(
        kvm,
        new HostProbes(Kvm.DEVICE).traits(),
        CpuModel.LOCKSTEP_V1,
        memory,
        BranchSemantics.ALL_TRANSFERS,
        (model, same, counted, tsc) -> SoftVcpu.create(model, same, tsc, counted));
  }
}

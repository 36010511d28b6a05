package dev.lockstep.vmm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.engine.Counting;
import dev.lockstep.vmm.engine.EngineChoice;
import dev.lockstep.vmm.engine.EngineChooser;
import dev.lockstep.vmm.engine.EngineNames;
import dev.lockstep.vmm.engine.HostCounter;
import dev.lockstep.vmm.engine.Hosts;
import dev.lockstep.vmm.engine.Purpose;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What {@code auto} picks, and what is refused, as far as it does not depend on the host. */
final class EngineNamesTest {
  private static final long MEMORY = 1 << 21;
  private static final HostCounter UNFIT =
      new HostCounter.Unfit("it is not calibrated", "Calibrate it.");
  private static final EngineChooser COUNTED =
      new EngineChooser(Kvm.DEVICE, Hosts.good(true), Hosts.FIT);
  private static final EngineChooser UNCOUNTED =
      new EngineChooser(Kvm.DEVICE, Hosts.good(true), UNFIT);

  @Test
  void whatNeedsExactCountsGetsThem() {
    for (Purpose purpose : new Purpose[] {Purpose.RECORDED, Purpose.REPLICATED}) {
      assertThat(
              EngineNames.choose(EngineNames.AUTO, purpose, null, Counting.AUTO, UNCOUNTED)
                  .engine())
          .isEqualTo(EngineChoice.SOFT);
      assertThatThrownBy(
              () -> EngineNames.choose(EngineChoice.KVM, purpose, null, Counting.AUTO, UNCOUNTED))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("needs an exact branch counter");
    }
  }

  @Test
  void aCalibratedCounterIsTakenWhereNothingElseIsAskedFor() {
    for (String engine : new String[] {EngineNames.AUTO, EngineChoice.KVM}) {
      EngineChoice choice =
          EngineNames.choose(engine, Purpose.RECORDED, null, Counting.AUTO, COUNTED);
      assertThat(choice.engine()).isEqualTo(EngineChoice.KVM);
      assertThat(choice.counting()).isEqualTo(Counting.PERF);
      assertThat(choice.patchTsc()).isTrue();
    }
    assertThat(
            EngineNames.choose(EngineChoice.KVM, Purpose.RECORDED, null, Counting.ANCHORS, COUNTED)
                .counter())
        .isEqualTo("none");
  }

  @Test
  void aCounterThatIsAskedForIsRefusedWithItsReason() {
    assertThatThrownBy(() ->
            EngineNames.choose(EngineChoice.KVM, Purpose.RECORDED, null, Counting.PERF, UNCOUNTED))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e)
                  .hasMessageContaining("no counter perf")
                  .hasMessageContaining("it is not calibrated");
              assertThat(e.advice()).contains("Calibrate it.", "--engine soft");
            });
  }

  @Test
  void readsThatNobodySeesAreLeftToWhoAsksForTheCounter() {
    EngineChooser host = new EngineChooser(Kvm.DEVICE, Hosts.good(false), Hosts.FIT);
    assertThatThrownBy(
            () -> EngineNames.choose(EngineChoice.KVM, Purpose.RECORDED, null, Counting.AUTO, host))
        .hasMessageContaining("time-stamp counter");
    EngineChoice choice =
        EngineNames.choose(EngineChoice.KVM, Purpose.RECORDED, null, Counting.PERF, host);
    assertThat(choice.counting()).isEqualTo(Counting.PERF);
    assertThat(choice.patchTsc()).isFalse();
  }

  @Test
  void aModelWithTimeStampCounterIsOfSoftAlone() {
    EngineChoice choice =
        EngineNames.choose(
            EngineNames.AUTO,
            Purpose.FREE_RUNNING,
            CpuModel.LOCKSTEP_V1_TSC,
            Counting.AUTO,
            COUNTED);
    assertThat(choice.engine()).isEqualTo(EngineChoice.SOFT);
    assertThat(choice.reason()).contains("lockstep-v1-tsc");
  }

  @Test
  void aPairThatIsFollowedFreelyRunsOnKvmAndNumbersExits() {
    Origin here = new Origin("test");
    MachineConfig config =
        MachineConfig.builder()
            .kernel("/k", here)
            .engine(EngineChoice.KVM, here)
            .following("free-running", here)
            .checkpointSeconds(7, here)
            .build(Purpose.REPLICATED, COUNTED);
    assertThat(config.engine()).isEqualTo(EngineChoice.KVM);
    assertThat(config.counting()).isEqualTo(Counting.ANCHORS);
    assertThat(config.cpuModel()).isEqualTo(CpuModel.LOCKSTEP_V1);
    assertThat(config.replication().checkpointSeconds()).isEqualTo(7);
    assertThat(ConfigFile.write(config)).contains("\"free-running\"", "\"checkpoint_seconds\" : 7");
    assertThatThrownBy(() ->
            MachineConfig.builder()
                .kernel("/k", here)
                .engine(EngineChoice.KVM, here)
                .build(Purpose.REPLICATED, COUNTED))
        .hasMessageContaining("--following free-running");
    assertThatThrownBy(() ->
            MachineConfig.builder()
                .kernel("/k", here)
                .counter("anchors", here)
                .following("nearly", here)
                .checkpointSeconds(0, here)
                .build(Purpose.REPLICATED, COUNTED))
        .hasMessageContaining("there is no following 'nearly'")
        .hasMessageContaining("a checkpoint every 0 s")
        .hasMessageContaining("cannot be followed exactly");
  }

  @Test
  void aConfigurationHasWhatWasChosenForIt() {
    MachineConfig config =
        MachineConfig.builder().kernel("/k", new Origin("test")).build(Purpose.RECORDED, COUNTED);
    assertThat(config.engine()).isEqualTo(EngineChoice.KVM);
    assertThat(config.counting()).isEqualTo(Counting.PERF);
    assertThat(config.counting().semantics()).isEqualTo(BranchSemantics.CONDITIONAL);
    assertThat(config.cpuModel()).isEqualTo(CpuModel.LOCKSTEP_V1);
    assertThat(config.patchesTsc()).isTrue();
    assertThat(ConfigFile.write(config)).contains("\"perf\"", "\"patch_tsc\" : true");
    assertThat(
            MachineConfig.builder()
                .kernel("/k", new Origin("test"))
                .engine(EngineChoice.SOFT, new Origin("test"))
                .counter("perf", new Origin("test"))
                .build(Purpose.RECORDED, COUNTED)
                .counting())
        .isEqualTo(Counting.AUTO);
  }

  @Test
  void anEngineThatCannotBeCountedIsRefused() {
    CountedKvmEngine engine =
        CountedKvmEngine.of(
            (model, semantics, memory, tsc) -> SoftVcpu.create(model, memory, tsc, semantics),
            Hosts.FIT);
    try (Arena arena = Arena.ofConfined()) {
      GuestMemory memory =
          new GuestMemory(
              arena.allocate(MEMORY, 1 << 12), List.of(new GuestMemory.Region(0, MEMORY, 0)));
      assertThatThrownBy(() ->
              engine.create(CpuModel.LOCKSTEP_V1, BranchSemantics.CONDITIONAL, memory, count -> 0))
          .hasMessageContaining("cannot be counted by a hardware counter");
    }
    assertThatThrownBy(() ->
            CountedKvmEngine.of(
                (model, semantics, memory, tsc) -> SoftVcpu.create(model, memory, tsc, semantics),
                UNFIT))
        .hasMessageContaining("no counter perf on this host: it is not calibrated");
  }

  @Test
  void aHostWithoutKvmIsToldApart() {
    assertThatThrownBy(() -> KvmEngine.of(Path.of("/dev/no-such-kvm")))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e).hasMessage("no KVM: open /dev/no-such-kvm: ENOENT (no such file)");
              assertThat(e.advice()).contains("--engine soft");
            });
  }
}

package dev.lockstep.counting.calibration;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.Stop;
import dev.lockstep.counting.model.ModelledPmu;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.softcpu.SoftVcpu;
import java.lang.foreign.Arena;
import java.util.List;

/** The software CPU with a modelled PMU of which nothing is known. */
final class ModelledSubject implements CalibrationSubject {
  private final Arena arena = Arena.ofConfined();
  private final GuestMemory memory =
      new GuestMemory(
          arena.allocate(CalibrationGuest.MEMORY_BYTES, GuestMemory.PAGE_SIZE),
          List.of(new GuestMemory.Region(0, CalibrationGuest.MEMORY_BYTES, 0)));
  private final SoftVcpu vcpu;
  private final PmuFaults faults;
  private ModelledPmu pmu;

  ModelledSubject(PmuFaults faults, BranchSemantics semantics) {
    this.faults = faults;
    vcpu = SoftVcpu.create(CpuModel.LOCKSTEP_V1, memory, count -> 0, semantics);
    pmu = pmu(false);
  }

  private ModelledPmu pmu(boolean reopens) {
    return new ModelledPmu(
        vcpu, this::read, faults, new CounterLimits(0, 1, reopens), ExcessTable.NONE);
  }

  private int read(long rip, byte[] into) {
    memory.read(rip, into, 0, into.length);
    return into.length;
  }

  @Override
  public BranchSemantics semantics() {
    return vcpu.branchSemantics();
  }

  @Override
  public GuestMemory memory() {
    return memory;
  }

  @Override
  public void load(CpuState state) {
    vcpu.setState(state);
  }

  @Override
  public long count() {
    return pmu.branchCount();
  }

  @Override
  public void reopenToArm() {
    pmu = pmu(true);
  }

  @Override
  public Stop runFree(long overflowAt) {
    return pmu.midInstruction() ? pmu.step() : pmu.runFree(overflowAt);
  }

  @Override
  public void inject(int vector) {
    pmu.injectInterrupt(vector);
  }

  @Override
  public void close() {
    vcpu.close();
    arena.close();
  }
}

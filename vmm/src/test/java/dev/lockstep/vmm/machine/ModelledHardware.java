package dev.lockstep.vmm.machine;

import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.HardwareCountedVcpu;
import dev.lockstep.counting.SkidPolicy;
import dev.lockstep.counting.Transition;
import dev.lockstep.counting.model.Excess;
import dev.lockstep.counting.model.ModelledEngine;
import dev.lockstep.counting.model.PmuFaults;
import dev.lockstep.counting.model.SkidShape;
import dev.lockstep.softcpu.SoftVcpu;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;

/** Machines whose vCPU a modelled PMU counts, with all that calibration would have found of it. */
final class ModelledHardware {
  private ModelledHardware() {}

  /** With random faults that calibration sees, skid up to 5,000 branches. */
  static MachineFactory random(Random random) {
    long skid = random.nextInt(3) == 0 ? 0 : random.nextInt(random.nextBoolean() ? 100 : 5000);
    PmuFaults faults =
        PmuFaults.none(random.nextLong())
            .withSkid(
                skid,
                SkidShape.values()[random.nextInt(SkidShape.values().length)],
                random.nextInt(30))
            .withSignals(0, random.nextInt(4), random.nextBoolean() ? 0 : 3 + random.nextInt(50))
            .withPeriods(1 + random.nextInt(64), random.nextInt(4) == 0);
    Map<Transition, Long> excess = new EnumMap<>(Transition.class);
    for (Transition kind : new Transition[] {Transition.EXIT, Transition.INJECTION}) {
      excess.put(kind, random.nextLong(3));
      faults = faults.withExcess(kind, Excess.of(excess.get(kind)));
    }
    if (random.nextInt(5) == 0) {
      faults =
          faults
              .withCompanion()
              .withExcess(Transition.EXCEPTION, new Excess(1, 2))
              .withExcess(Transition.FAR_TRANSFER, Excess.of(1));
    }
    if (random.nextInt(4) == 0) {
      faults = faults.withoutBreakpoints();
    }
    return of(faults, new ExcessTable(excess));
  }

  /** Whose overflows come later than calibration ever saw, one in so many, by up to ten times and 1,000 branches. */
  static MachineFactory late(long seed, int oneIn) {
    return of(
        PmuFaults.none(seed).withSkid(50, SkidShape.SHORT, 10).withSignals(oneIn, 2, 0),
        ExcessTable.NONE);
  }

  private static MachineFactory of(PmuFaults faults, ExcessTable excess) {
    // A stop may be some instructions behind the last branch of the skid, which may be branches.
    CounterLimits limits =
        new CounterLimits(
            faults.skid().bound() + faults.skid().instructions(),
            faults.periods().minimum(),
            faults.periods().ignored());
    SkidPolicy policy = SkidPolicy.of(limits);
    return new MachineFactory(
        "modelled",
        (model, semantics, memory, tsc) -> {
          SoftVcpu soft = SoftVcpu.create(model, memory, tsc, semantics);
          // The guests' pages are mapped one to one.
          ModelledEngine.Code code =
              (rip, into) -> {
                if (rip < 0 || rip > Machines.MEMORY - into.length) {
                  return 0;
                }
                memory.read(rip, into, 0, into.length);
                return into.length;
              };
          ModelledEngine engine = new ModelledEngine(soft, code, faults);
          return new HardwareCountedVcpu(engine, () -> engine.counter(limits, excess), policy);
        });
  }
}

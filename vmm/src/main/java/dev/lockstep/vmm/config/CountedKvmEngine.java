package dev.lockstep.vmm.config;

import dev.lockstep.counting.BranchCounter;
import dev.lockstep.counting.CountableVcpu;
import dev.lockstep.counting.HardwareCountedVcpu;
import dev.lockstep.counting.HardwareCounter;
import dev.lockstep.counting.SkidPolicy;
import dev.lockstep.counting.calibration.CounterProfile;
import dev.lockstep.counting.perf.CounterEvent;
import dev.lockstep.counting.perf.PerfDevice;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvm.ThreadAffinity;
import dev.lockstep.vmm.engine.HostCounter;
import dev.lockstep.vmm.machine.VcpuFactory;

/**
 * An engine whose guests this host's hardware counter counts. What one vCPU learns of how late the counter's overflows come, the next ones know.
 *
 * <p>A vCPU of other semantics than the counter's is the engine's own.
 */
public final class CountedKvmEngine implements VcpuFactory {
  private final VcpuFactory engine;
  private final HostCounter.Fit counter;
  private final SkidPolicy policy;

  private CountedKvmEngine(VcpuFactory engine, HostCounter.Fit counter) {
    this.engine = engine;
    this.counter = counter;
    this.policy = SkidPolicy.of(counter.profile().limits());
  }

  /**
   * Opens nothing yet: counters are those of a thread.
   *
   * @param engine makes vCPUs that can be counted
   * @throws VmmException if the counter may not be used, with the reason
   */
  public static CountedKvmEngine of(VcpuFactory engine, HostCounter counter) {
    return switch (counter) {
      case HostCounter.Fit it -> new CountedKvmEngine(engine, it);
      case HostCounter.Unfit(String reason, String advice) ->
          throw new VmmException(
              "there is no counter perf on this host: " + reason,
              advice + " A log replays on --engine soft whatever counted it.");
    };
  }

  @Override
  public Vcpu create(
      CpuModel model, BranchSemantics semantics, GuestMemory memory, TimeStampCounter tsc) {
    Vcpu made = engine.create(model, semantics, memory, tsc);
    if (semantics != counter.profile().semantics()) {
      return made;
    }
    if (!(made instanceof CountableVcpu countable)) {
      made.close();
      throw new VmmException(
          "this engine cannot be counted by a hardware counter", "Use --engine soft.");
    }
    return new HardwareCountedVcpu(countable, this::open, policy);
  }

  /** Opens the counter of the calling thread, which stays on the CPUs that have it. */
  private BranchCounter open() {
    CounterProfile profile = counter.profile();
    try {
      if (!counter.cpus().isEmpty()) {
        ThreadAffinity.keepOn(counter.cpus());
      }
      CounterEvent event =
          CounterEvent.ofPmu(
              profile.event(),
              profile.semantics(),
              profile.pmuType(),
              profile.config(),
              profile.companionConfig());
      return new HardwareCounter(
          PerfDevice.open(event), profile.semantics(), profile.limits(), profile.excess());
    } catch (KvmException e) {
      throw new VmmException("the branch counter: " + e.getMessage(), e.advice(), e);
    }
  }
}

package dev.lockstep.vmm.config;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.kvmcpu.KvmVcpu;
import dev.lockstep.kvmcpu.probe.HostProbes;
import dev.lockstep.kvmcpu.probe.HostTraits;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.machine.VcpuFactory;
import java.nio.file.Path;

/** The kvm engine of this host, with the software CPU for what KVM cannot do. */
public final class KvmEngine implements VcpuFactory {
  private final Path device;
  private final HostTraits traits;

  private KvmEngine(Path device, HostTraits traits) {
    this.device = device;
    this.traits = traits;
  }

  /**
   * Opens /dev/kvm and asks what it can do: some milliseconds.
   *
   * @throws VmmException if there is none, or none for this user
   */
  public static KvmEngine ofThisHost() {
    return of(Kvm.DEVICE);
  }

  /** The same of a device of another name. */
  static KvmEngine of(Path device) {
    try (Kvm _ = Kvm.open(device)) {
      return new KvmEngine(device, new HostProbes(device).traits());
    } catch (KvmException e) {
      throw new VmmException("no KVM: " + e.getMessage(), e.advice(), e);
    }
  }

  /** What was found. */
  public HostTraits traits() {
    return traits;
  }

  @Override
  public Vcpu create(
      CpuModel model, BranchSemantics semantics, GuestMemory memory, TimeStampCounter tsc) {
    try (Kvm kvm = Kvm.open(device)) {
      return KvmVcpu.create(
          kvm,
          traits,
          model,
          memory,
          semantics,
          (shown, over, counted, counter) -> SoftVcpu.create(shown, over, counter, counted));
    } catch (KvmException e) {
      throw new VmmException("no KVM: " + e.getMessage(), e.advice(), e);
    }
  }
}

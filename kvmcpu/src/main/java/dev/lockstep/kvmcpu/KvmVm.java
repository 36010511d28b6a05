package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvmcpu.probe.HostTraits;

/** A VM of the kernel with a guest's memory and one vCPU: what is made together, and given back together. */
final class KvmVm implements AutoCloseable {
  private final Vm vm;
  private final KvmDirtyLog dirty;
  private final KvmVcpuHandle vcpu;
  private final Translations translations;

  /** Makes it; if something is refused, what was made before is closed. */
  KvmVm(Kvm kvm, CpuModel model, GuestMemory memory, HostTraits traits) {
    KvmHost.requireRoom(memory, kvm.supportedCpuid());
    Closing made = new Closing();
    try {
      vm = made.add(kvm.createVm());
      KvmHost.prepare(vm);
      dirty = made.add(new KvmDirtyLog(vm, memory));
      vcpu = made.add(vm.createVcpu(0));
      translations = made.add(new Translations(vm, vcpu, traits, memory.regions().size()));
      vcpu.setCpuid(KvmCpuid.entries(model));
    } catch (Throwable e) {
      made.closeAfter(e);
      throw e;
    }
  }

  KvmVcpuHandle vcpu() {
    return vcpu;
  }

  KvmDirtyLog dirty() {
    return dirty;
  }

  Translations translations() {
    return translations;
  }

  @Override
  public void close() {
    try (vm;
        dirty;
        vcpu;
        translations) {
      // The vCPU first, the VM last.
    }
  }
}

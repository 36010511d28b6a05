package dev.lockstep.kvmcpu;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.Arena;

/** A VM of the kernel with a guest's memory and one vCPU, and what goes by its ioctls: what is made together, and given back together. */
final class KvmVm implements AutoCloseable {
  private final Vm vm;
  private final KvmDirtyLog dirty;
  private final KvmVcpuHandle vcpu;
  private final Translations translations;
  private final Arena arena = Arena.ofShared();
  private final KvmState state;
  private final KvmExits exits;
  private final Completion completion;
  private final GuestDebug debug;

  /** Makes it; if something is refused, what was made before is closed. */
  KvmVm(Kvm kvm, CpuModel model, GuestMemory memory, HostTraits traits) {
    KvmHost.requireRoom(memory, kvm.supportedCpuid());
    Closing made = new Closing();
    made.add(arena);
    try {
      vm = made.add(kvm.createVm());
      KvmHost.prepare(vm);
      dirty = made.add(new KvmDirtyLog(vm, memory));
      vcpu = made.add(vm.createVcpu(0));
      translations = made.add(new Translations(vm, vcpu, traits, memory.regions().size()));
      vcpu.setCpuid(KvmCpuid.entries(model));
      state = new KvmState(vcpu, arena);
      exits = new KvmExits(vcpu.runArea());
      completion = new Completion(vcpu, exits, state, memory);
      debug = new GuestDebug(vcpu, traits, arena);
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

  KvmState state() {
    return state;
  }

  KvmExits exits() {
    return exits;
  }

  Completion completion() {
    return completion;
  }

  GuestDebug debug() {
    return debug;
  }

  @Override
  public void close() {
    try (arena;
        vm;
        dirty;
        vcpu;
        translations) {
      // The vCPU first, the VM behind it.
    }
  }
}

package dev.lockstep.kvmcpu;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Makes KVM forget what it derived from the guest's page tables, after somebody else than the kernel's vCPU has held the guest: the finisher, another engine, a snapshot. With nested paging that is a flush
 * of the TLB. A KVM that keeps shadows of page tables watches the guest's writes to them, but not this process's: it throws all shadows away when a memory slot goes.
 */
final class Translations {
  private final Vm vm;
  private final KvmState state;
  private final boolean followPaging;
  private final int slot;
  private final MemorySegment page;

  /**
   * @param slot a free slot of the VM
   */
  Translations(Vm vm, KvmState state, HostTraits traits, int slot, Arena arena) {
    this.vm = vm;
    this.state = state;
    this.followPaging = traits.translationsFollowPaging();
    this.slot = slot;
    this.page = arena.allocate(GuestMemory.PAGE_SIZE, GuestMemory.PAGE_SIZE);
  }

  void forget() {
    if (followPaging) {
      state.flipPaging();
    } else {
      vm.addMemory(slot, KvmHost.SPARE_PAGE, page, false).remove();
    }
  }
}

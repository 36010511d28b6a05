package dev.lockstep.kvmcpu;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.layout.kvm_sregs;
import dev.lockstep.kvm.memory.Mappings;
import dev.lockstep.kvmcpu.probe.HostTraits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the kernel keeps of the guest's page tables: the hardware's TLB, and where KVM has no nested paging its shadow page tables. Both follow what the guest does inside KVM_RUN, and nothing else: a page
 * table that was changed, or an INVLPG that was executed, by another engine over the same memory is not seen.
 *
 * <p>With nested paging, writes of CR4.PGE flush the TLB. Shadows need more, and no call says so to KVM; but when a memory slot is taken away it drops all its page tables (KVM_SET_USER_MEMORY_REGION;
 * arch/x86/kvm/mmu, kvm_mmu_zap_all_fast), so a page is put into the hole below 4 GiB and taken away again, with the vCPU stopped. It takes from some microseconds to a few milliseconds.
 */
final class Translations implements AutoCloseable {
  /** Below the pages of {@link KvmHost}, where no machine has memory or a device. */
  private static final long HOLE = 0xfffb_b000L;

  /** Any write that changes it flushes the TLB (Intel SDM vol. 3A 4.10.4.1). */
  private static final long CR4_PGE = 1 << 7;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment page;
  private final MemorySegment sregs;
  private final Vm vm;
  private final KvmVcpuHandle vcpu;
  private final int slot;
  private final boolean followPaging;

  /** The guest has run in the kernel at least once. */
  private boolean kept;

  private boolean stale;

  /**
   * @param slot a number that no memory has
   */
  Translations(Vm vm, KvmVcpuHandle vcpu, HostTraits traits, int slot) {
    this.vm = vm;
    this.vcpu = vcpu;
    this.slot = slot;
    this.followPaging = traits.translationsFollowPaging();
    try {
      this.page = Mappings.anonymous(arena, GuestMemory.PAGE_SIZE);
      this.sregs = kvm_sregs.allocate(arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** The guest is about to run in the kernel. */
  void use() {
    kept = true;
  }

  /** The guest's memory may have changed in any way, or it had translations forgotten, without the kernel. */
  void changed() {
    stale |= kept;
  }

  /** The kernel gets the guest, whose registers are set: what it has kept must be right. */
  void forgetStale() {
    if (!stale) {
      return;
    }
    if (followPaging) {
      flipPaging();
    } else {
      vm.addMemory(slot, HOLE, page, false).remove();
    }
    stale = false;
  }

  private void flipPaging() {
    vcpu.getSregs(sregs);
    long cr4 = kvm_sregs.cr4(sregs);
    kvm_sregs.cr4(sregs, cr4 ^ CR4_PGE);
    vcpu.setSregs(sregs);
    kvm_sregs.cr4(sregs, cr4);
    vcpu.setSregs(sregs);
  }

  @Override
  public void close() {
    arena.close();
  }
}

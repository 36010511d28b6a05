package dev.lockstep.kvmcpu;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.kvm.Vm;
import dev.lockstep.kvm.memory.Mappings;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the kernel keeps of the guest's page tables: the hardware's TLB, and where KVM has no nested paging its shadow page tables. Both follow what the guest does inside KVM_RUN, and nothing else: a page
 * table that was changed, or an INVLPG that was executed, by another engine over the same memory is not seen.
 *
 * <p>No call says so to KVM. But when a memory slot is taken away it drops all its page tables and flushes the TLBs (KVM_SET_USER_MEMORY_REGION; arch/x86/kvm/mmu, kvm_mmu_zap_all_fast), so a page is put
 * into the hole below 4 GiB and taken away again, with the vCPU stopped. It takes from some microseconds to a few milliseconds.
 */
final class Translations implements AutoCloseable {
  /** Below the pages of {@link KvmHost}, where no machine has memory or a device. */
  private static final long HOLE = 0xfffb_b000L;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment page;
  private final Vm vm;
  private final int slot;
  private boolean kept;

  /**
   * @param slot a number that no memory has
   */
  Translations(Vm vm, int slot) {
    this.vm = vm;
    this.slot = slot;
    try {
      this.page = Mappings.anonymous(arena, GuestMemory.PAGE_SIZE);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /** The guest is about to run in the kernel. */
  void use() {
    kept = true;
  }

  /** The guest's memory may have changed in any way. */
  void forget() {
    if (kept) {
      vm.addMemory(slot, HOLE, page, false).remove();
      kept = false;
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}

package dev.lockstep.kvm;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_msr_filter;
import dev.lockstep.kvm.layout.kvm_msr_filter_range;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.TreeSet;

/**
 * Which model-specific registers the guest reaches inside KVM; RDMSR and WRMSR of all others leave it, as exits if KVM_CAP_X86_USER_SPACE_MSR with KVM_MSR_EXIT_REASON_FILTER is on, else as #GP
 * (Documentation/virt/kvm/api.rst, KVM_X86_SET_MSR_FILTER). Registers of the x2APIC (0x800..0x8ff) cannot be filtered.
 *
 * @param allowed the numbers of the registers that stay inside
 */
public record MsrFilter(List<Integer> allowed) {
  /** How far two registers of one range may lie apart: the bitmap's limit, in registers. */
  private static final int MAX_SPAN = LinuxKvm.KVM_MSR_FILTER_MAX_BITMAP_SIZE() * 8;

  public MsrFilter {
    allowed = List.copyOf(allowed);
  }

  /**
   * The {@code kvm_msr_filter}, with its bitmaps.
   *
   * @throws IllegalArgumentException if the registers need more ranges than KVM has
   */
  MemorySegment toNative(Arena arena) {
    MemorySegment filter = kvm_msr_filter.allocate(arena);
    kvm_msr_filter.flags(filter, LinuxKvm.KVM_MSR_FILTER_DEFAULT_DENY());
    TreeSet<Integer> left = new TreeSet<>(Integer::compareUnsigned);
    left.addAll(allowed);
    for (int range = 0; !left.isEmpty(); range++) {
      if (range == LinuxKvm.KVM_MSR_FILTER_MAX_RANGES()) {
        throw new IllegalArgumentException(
            "%d registers do not fit into %d ranges".formatted(allowed.size(), range));
      }
      int base = left.first();
      MemorySegment bitmap = arena.allocate(MAX_SPAN / 8, 8);
      int span = 0;
      while (!left.isEmpty() && left.first() - base >= 0 && left.first() - base < MAX_SPAN) {
        span = left.removeFirst() - base;
        byte before = bitmap.get(ValueLayout.JAVA_BYTE, span >>> 3);
        bitmap.set(ValueLayout.JAVA_BYTE, span >>> 3, (byte) (before | 1 << (span & 7)));
      }
      MemorySegment entry = kvm_msr_filter.ranges(filter, range);
      kvm_msr_filter_range.flags(
          entry, LinuxKvm.KVM_MSR_FILTER_READ() | LinuxKvm.KVM_MSR_FILTER_WRITE());
      kvm_msr_filter_range.base(entry, base);
      kvm_msr_filter_range.nmsrs(entry, span + 1);
      kvm_msr_filter_range.bitmap(entry, bitmap);
    }
    return filter;
  }
}

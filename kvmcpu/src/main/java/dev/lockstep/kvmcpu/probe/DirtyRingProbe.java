package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.Kvm;
import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_dirty_gfn;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;

/** Whether the dirty ring names the pages that a guest has written. */
final class DirtyRingProbe implements HostProbe {
  private static final int BYTES = 1 << 16;

  @Override
  public String id() {
    return "dirty_ring";
  }

  @Override
  public String what() {
    return "dirty ring";
  }

  @Override
  public Finding run(ProbeContext context) {
    Capability capability = capability(context.kvm());
    if (!context.kvm().has(capability)) {
      return Finding.of(
              id(),
              what(),
              Verdict.LIMITED,
              "this kernel has none",
              "Dirty pages are found by the dirty log alone, which takes longer for large memories.")
          .with(HostTraits.DIRTY_RING, false);
    }
    ProbeGuest guest =
        context.guest(Ring.KERNEL, vm -> vm.enable(capability, BYTES), DirtyLogProbe.writesPages());
    MemorySegment ring = guest.vcpu.mapDirtyRing(BYTES);
    boolean complete = guest.runToPort() == ProbeGuest.END && hasAll(ring);
    Finding finding =
        complete
            ? Finding.of(
                id(), what(), Verdict.OK, "complete", "Dirty pages are found without a scan.")
            : Finding.of(
                id(),
                what(),
                Verdict.LIMITED,
                "misses written pages",
                "Dirty pages are found by the dirty log alone.");
    return finding.with(HostTraits.DIRTY_RING, complete);
  }

  private static Capability capability(Kvm kvm) {
    return kvm.has(Capability.DIRTY_LOG_RING_ACQ_REL)
        ? Capability.DIRTY_LOG_RING_ACQ_REL
        : Capability.DIRTY_LOG_RING;
  }

  private static boolean hasAll(MemorySegment ring) {
    Set<Long> pages = new HashSet<>();
    long size = kvm_dirty_gfn.layout().byteSize();
    for (long at = 0; at < BYTES; at += size) {
      MemorySegment entry = ring.asSlice(at, size);
      if ((kvm_dirty_gfn.flags(entry) & LinuxKvm.KVM_DIRTY_GFN_F_DIRTY()) == 0) {
        break;
      }
      pages.add(kvm_dirty_gfn.offset(entry));
    }
    for (long page = 0; page < DirtyLogProbe.pages(); page++) {
      if (!pages.contains(ProbeGuest.DATA_PAGE + page)) {
        return false;
      }
    }
    return true;
  }
}

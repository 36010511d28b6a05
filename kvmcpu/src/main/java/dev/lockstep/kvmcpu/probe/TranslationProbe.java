package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.KvmVcpuHandle;
import dev.lockstep.kvm.layout.kvm_regs;
import dev.lockstep.kvm.layout.kvm_sregs;
import java.lang.foreign.MemorySegment;

/**
 * Whether the vCPU forgets its translations when told to. Page tables that this process has written, not the guest, are unknown to a KVM that keeps shadows of them; nested paging only has a TLB to flush.
 */
final class TranslationProbe implements HostProbe {
  private static final long PAGE = 4096, ONE = ProbeGuest.DATA + PAGE, OTHER = ONE + PAGE;

  @Override
  public String id() {
    return "translations";
  }

  @Override
  public String what() {
    return "translations";
  }

  @Override
  public Finding run(ProbeContext context) {
    boolean follow = follows(context, Ring.KERNEL) && follows(context, Ring.USER);
    Finding finding =
        follow
            ? Finding.of(
                id(),
                what(),
                Verdict.OK,
                "forgotten by a write of CR4",
                "A guest that the software CPU has helped goes on at once.")
            : Finding.of(
                id(),
                what(),
                Verdict.LIMITED,
                "this KVM keeps shadows of page tables",
                "When the software CPU has changed page tables for the guest, all shadows are dropped, which costs about a millisecond.");
    return finding.with(HostTraits.TRANSLATIONS, follow);
  }

  private static boolean follows(ProbeContext context, Ring ring) {
    // mov rax, [WINDOW]
    int window = (int) ProbeGuest.WINDOW;
    int[] load = {0x48, 0x8b, 0x04, 0x25, 0, 0, 0, window >>> 24};
    ProbeGuest guest = context.guest(ring, Code.join(load, Code.end(ring)));
    guest.put(ONE, 1);
    guest.put(OTHER, 2);
    guest.showInWindow(ONE);
    if (guest.runToPort() != Code.endPort(ring) || kvm_regs.rax(guest.regs()) != 1) {
      return false;
    }
    guest.showInWindow(OTHER);
    guest.restart();
    forgetTranslations(guest.vcpu, kvm_sregs.allocate(guest.arena));
    return guest.runToPort() == Code.endPort(ring) && kvm_regs.rax(guest.regs()) == 2;
  }

  private static void forgetTranslations(KvmVcpuHandle vcpu, MemorySegment sregs) {
    vcpu.getSregs(sregs);
    kvm_sregs.cr4(sregs, kvm_sregs.cr4(sregs) ^ ProbeGuest.CR4_PGE);
    vcpu.setSregs(sregs);
    kvm_sregs.cr4(sregs, kvm_sregs.cr4(sregs) ^ ProbeGuest.CR4_PGE);
    vcpu.setSregs(sregs);
  }
}

package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;
import dev.lockstep.kvm.MsrFilter;
import dev.lockstep.kvm.layout.LinuxKvm;
import java.util.List;

/** Whether model-specific registers outside a filter leave the guest. */
final class MsrFilterProbe implements HostProbe {
  private static final int EFER = 0xc000_0080, FILTERED = 0x174;

  @Override
  public String id() {
    return "msr_filter";
  }

  @Override
  public String what() {
    return "MSR filter";
  }

  @Override
  public Finding run(ProbeContext context) {
    // mov ecx, FILTERED; rdmsr
    ProbeGuest guest =
        context.guest(
            Ring.KERNEL,
            vm -> {
              vm.enable(Capability.X86_USER_SPACE_MSR, LinuxKvm.KVM_MSR_EXIT_REASON_FILTER());
              vm.setMsrFilter(new MsrFilter(List.of(EFER)));
            },
            0xb9,
            FILTERED & 0xff,
            FILTERED >> 8,
            0,
            0,
            0x0f,
            0x32,
            0xe6,
            ProbeGuest.END);
    boolean works = guest.run() == LinuxKvm.KVM_EXIT_X86_RDMSR();
    Finding finding =
        works
            ? Finding.of(
                id(), what(), Verdict.OK, "works", "A guest meets the CPU model's registers only.")
            : Finding.of(
                    id(),
                    what(),
                    Verdict.MISSING,
                    "registers are not filtered",
                    "A guest meets registers of the host: the KVM engine does not work here.")
                .advise("Use a kernel of 5.10 or newer, or --engine soft.");
    return finding.with(HostTraits.MSR_FILTER, works);
  }
}

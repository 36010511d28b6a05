package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.CpuidEntry;
import dev.lockstep.kvm.layout.kvm_regs;
import java.util.ArrayList;
import java.util.List;

/** Whether CPUID says what the VM's CPU model says, in both rings. */
final class CpuidProbe implements HostProbe {
  /** "Lock" in leaf 0's EBX, and a family, model and stepping that no processor has. */
  private static final int MARKER = 0x6b63_6f4c, SIGNATURE = 0x6f1;

  /** Leaf 1 EDX: FPU DE PSE MSR PAE CX8 CMOV FXSR SSE SSE2. */
  private static final int FEATURES = 0x0700_817d & ~(1 << 4);

  @Override
  public String id() {
    return "cpuid";
  }

  @Override
  public String what() {
    return "CPUID filtering";
  }

  @Override
  public Finding run(ProbeContext context) {
    boolean kernel = isFiltered(context, Ring.KERNEL);
    boolean user = isFiltered(context, Ring.USER);
    String found =
        "ring 0: %s; ring 3: %s"
            .formatted(
                kernel ? "as the CPU model says" : "not what the CPU model says",
                user ? "as the CPU model says" : "the host's own answers");
    Finding finding =
        kernel && user
            ? Finding.of(
                id(), what(), Verdict.OK, found, "A guest sees the same CPU on every host.")
            : Finding.of(
                    id(),
                    what(),
                    Verdict.LIMITED,
                    found,
                    "Programs in the guest may use what the CPU model does not have, and fail when the VM moves.")
                .advise("Use --engine soft for VMs that move or are replicated.");
    return finding
        .with(HostTraits.CPUID_FILTERED, kernel && user)
        .with(HostTraits.CPUID_RING0, kernel)
        .with(HostTraits.CPUID_RING3, user);
  }

  private static boolean isFiltered(ProbeContext context, Ring ring) {
    List<CpuidEntry> model = new ArrayList<>();
    model.add(new CpuidEntry(0, 0, 0, 1, MARKER, 0, 0));
    model.add(new CpuidEntry(1, 0, 0, SIGNATURE, 0, 0, FEATURES));
    for (CpuidEntry entry : context.kvm().supportedCpuid()) {
      if ((entry.function() & 0xf000_0000) == 0x8000_0000) {
        model.add(entry);
      }
    }
    // xor eax, eax; cpuid; mov esi, ebx; mov eax, 1; cpuid
    int[] code = {0x31, 0xc0, 0x0f, 0xa2, 0x89, 0xde, 0xb8, 1, 0, 0, 0, 0x0f, 0xa2};
    ProbeGuest guest = context.guest(ring, Code.join(code, Code.end(ring)));
    guest.vcpu.setCpuid(model);
    return guest.runToPort() == Code.endPort(ring)
        && (int) kvm_regs.rsi(guest.regs()) == MARKER
        && (int) kvm_regs.rax(guest.regs()) == SIGNATURE
        && (int) kvm_regs.rdx(guest.regs()) == FEATURES;
  }
}

package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.Capability;

/** Whether RDTSC can be kept from a guest's programs. */
final class TimeStampProbe implements HostProbe {
  /** CR4.TSD: RDTSC in ring 3 raises #GP (Intel SDM vol. 3A 2.5). */
  private static final long TIME_STAMP_DISABLE = 1 << 2;

  private static final int GENERAL_PROTECTION = 13;

  @Override
  public String id() {
    return "rdtsc";
  }

  @Override
  public String what() {
    return "RDTSC trap";
  }

  @Override
  public Finding run(ProbeContext context) {
    // rdtsc
    ProbeGuest guest =
        context.guest(Ring.USER, Code.join(new int[] {0x0f, 0x31}, Code.end(Ring.USER)));
    guest.addCr4(TIME_STAMP_DISABLE);
    int port = guest.runToPort();
    boolean traps = port == GENERAL_PROTECTION;
    boolean scaling = context.kvm().has(Capability.TSC_CONTROL);
    String found =
        "ring 3: %s; ring 0: not trapped by KVM; scaling: %s"
            .formatted(traps ? "traps (CR4.TSD)" : "does not trap", scaling ? "yes" : "no");
    Finding finding =
        traps
            ? Finding.of(
                id(),
                what(),
                Verdict.OK,
                found,
                "A guest's programs can be kept from the host's time; its kernel is patched where it reads the TSC.")
            : Finding.of(
                    id(),
                    what(),
                    Verdict.LIMITED,
                    found,
                    "Programs in the guest can read the host's time: exact recording on kvm is not possible.")
                .advise("Use --engine soft to record.");
    return finding.with(HostTraits.RDTSC_TRAPS, traps).with("tsc_scaling", scaling);
  }
}

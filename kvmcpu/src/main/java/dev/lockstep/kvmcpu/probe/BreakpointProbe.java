package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.layout.LinuxKvm;

/** Whether the processor stops where a debugger asks, and goes on from there. */
final class BreakpointProbe implements HostProbe {
  /** RFLAGS.RF: the next instruction's breakpoint is passed over (Intel SDM vol. 3B 18.3.1.1). */
  private static final long RESUME_FLAG = 1 << 16;

  private static final int[] NOPS = {0x90, 0x90, 0x90, 0x90};
  private static final long TARGET = ProbeGuest.CODE + 2;

  @Override
  public String id() {
    return "breakpoints";
  }

  @Override
  public String what() {
    return "breakpoints";
  }

  @Override
  public Finding run(ProbeContext context) {
    ProbeGuest kernel = stopped(context, Ring.KERNEL);
    boolean ring0 = kernel.rip() == TARGET;
    boolean resumes = ring0 && resumes(kernel);
    boolean ring3 = stopped(context, Ring.USER).rip() == TARGET;
    String found =
        "ring 0: %s; ring 3: %s; resume flag %s"
            .formatted(
                ring0 ? "hit" : "never hit",
                ring3 ? "hit" : "never hit",
                resumes ? "honoured" : "not honoured");
    Finding finding =
        ring0 && ring3 && resumes
            ? Finding.of(
                id(), what(), Verdict.OK, found, "Debugging and seeking run at full speed.")
            : Finding.of(
                id(),
                what(),
                ring0 ? Verdict.LIMITED : Verdict.MISSING,
                found,
                "Where breakpoints do not stop the guest, debugging and seeking step instead, slowly.");
    return finding
        .with(HostTraits.BREAK_RING0, ring0)
        .with(HostTraits.BREAK_RING3, ring3)
        .with(HostTraits.RESUME_FLAG, resumes);
  }

  private static ProbeGuest stopped(ProbeContext context, Ring ring) {
    ProbeGuest guest = context.guest(ring, Code.join(NOPS, Code.end(ring)));
    guest.breakAt(TARGET, 0);
    guest.run();
    return guest;
  }

  private static boolean resumes(ProbeGuest guest) {
    guest.addFlags(RESUME_FLAG);
    return guest.run() == LinuxKvm.KVM_EXIT_IO() && guest.port() == ProbeGuest.END;
  }
}

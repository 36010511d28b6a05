package dev.lockstep.kvmcpu.probe;

/** Whether SYSCALL in ring 3 enters ring 0. */
final class SyscallProbe implements HostProbe {
  @Override
  public String id() {
    return "syscall";
  }

  @Override
  public String what() {
    return "SYSCALL";
  }

  @Override
  public Finding run(ProbeContext context) {
    // syscall
    ProbeGuest guest =
        context.guest(Ring.USER, Code.join(new int[] {0x0f, 0x05}, Code.end(Ring.USER)));
    int port = guest.runToPort();
    int ring = guest.currentRing();
    boolean works = port == ProbeGuest.SYSCALL_PORT && ring == 0;
    Finding finding =
        works
            ? Finding.of(id(), what(), Verdict.OK, "enters ring 0", "64-bit programs run.")
            : Finding.of(
                    id(),
                    what(),
                    Verdict.MISSING,
                    port == ProbeGuest.SYSCALL_PORT
                            || guest.rip() >> 12 == ProbeGuest.SYSCALL_ENTRY >> 12
                        ? "arrives at the kernel's entry, in ring 3"
                        : "does not arrive: port %d, RIP %#x".formatted(port, guest.rip()),
                    "64-bit Linux programs do not run on kvm here.")
                .advise("Use --engine soft.");
    return finding.with(HostTraits.SYSCALL, works);
  }
}

package dev.lockstep.kvmcpu.probe;

/** Whether SYSCALL and INT n in ring 3 enter ring 0. */
final class SyscallProbe implements HostProbe {
  /** Linux's, for 32-bit programs. */
  private static final int VECTOR = 0x80;

  @Override
  public String id() {
    return "syscall";
  }

  @Override
  public String what() {
    return "system calls";
  }

  @Override
  public Finding run(ProbeContext context) {
    // syscall
    ProbeGuest guest =
        context.guest(Ring.USER, Code.join(new int[] {0x0f, 0x05}, Code.end(Ring.USER)));
    int port = guest.runToPort();
    int ring = guest.currentRing();
    boolean works = port == ProbeGuest.SYSCALL_PORT && ring == 0;
    boolean interrupts = softwareInterruptEnters(context);
    boolean arrives = works || guest.rip() >> 12 == ProbeGuest.SYSCALL_ENTRY >> 12;
    String found =
        "%s; INT n %s"
            .formatted(
                works
                    ? "enters ring 0"
                    : arrives
                        ? "arrives at the kernel's entry, in ring 3"
                        : "does not arrive: port %d, RIP %#x".formatted(port, guest.rip()),
                interrupts ? "enters ring 0" : "does not");
    Finding finding =
        works && interrupts
            ? Finding.of(id(), what(), Verdict.OK, found, "64-bit and 32-bit programs run.")
            : works
                ? Finding.of(
                    id(),
                    what(),
                    Verdict.LIMITED,
                    found,
                    "64-bit programs run, 32-bit ones do not.")
                : Finding.of(
                        id(),
                        what(),
                        Verdict.MISSING,
                        found,
                        "64-bit Linux programs do not run on kvm here.")
                    .advise("Use --engine soft.");
    return finding.with(HostTraits.SYSCALL, works).with("int_enters_ring0", interrupts);
  }

  private static boolean softwareInterruptEnters(ProbeContext context) {
    return context.guest(Ring.USER, 0xcd, VECTOR).runToPort() == VECTOR;
  }
}

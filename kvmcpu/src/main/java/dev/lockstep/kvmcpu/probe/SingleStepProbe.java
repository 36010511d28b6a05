package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.layout.LinuxKvm;

/** Whether KVM stops after each instruction when asked to. */
final class SingleStepProbe implements HostProbe {
  /** nop; mov eax, 1; add eax, eax; push rax; pop rbx; jmp +0; lea rcx, [rax]; nop; nop. */
  private static final int[] STEPS = {
    0x90, 0xb8, 1, 0, 0, 0, 0x01, 0xc0, 0x50, 0x5b, 0xeb, 0x00, 0x48, 0x8d, 0x08, 0x90, 0x90
  };

  private static final int[] LENGTHS = {1, 5, 2, 1, 1, 2, 3, 1};

  @Override
  public String id() {
    return "single_step";
  }

  @Override
  public String what() {
    return "single step";
  }

  @Override
  public Finding run(ProbeContext context) {
    boolean kernel = isExact(context, Ring.KERNEL);
    boolean user = isExact(context, Ring.USER);
    boolean halt = haltExits(context);
    String found =
        "ring 0: %s; ring 3: %s; HLT %s"
            .formatted(
                kernel ? "one stop an instruction" : "not exact",
                user ? "one stop an instruction" : "not exact: goes to the guest's own #DB handler",
                halt ? "exits" : "is passed over");
    Finding finding =
        kernel && user && halt
            ? Finding.of(
                id(), what(), Verdict.OK, found, "A guest is stepped by the processor itself.")
            : Finding.of(
                id(),
                what(),
                Verdict.LIMITED,
                found,
                "Steps that the processor does not do exactly are done by the software CPU.");
    return finding
        .with(HostTraits.STEP_RING0, kernel)
        .with(HostTraits.STEP_RING3, user)
        .with(HostTraits.STEP_HALT_EXITS, halt);
  }

  private static boolean isExact(ProbeContext context, Ring ring) {
    ProbeGuest guest = context.guest(ring, Code.join(STEPS, Code.end(ring)));
    guest.singleStep();
    long expected = ProbeGuest.CODE;
    for (int length : LENGTHS) {
      expected += length;
      if (guest.run() != LinuxKvm.KVM_EXIT_DEBUG()
          || guest.rip() != expected
          || guest.syncedRip() != expected) {
        return false;
      }
    }
    return true;
  }

  private static boolean haltExits(ProbeContext context) {
    // hlt; nop; out END, al
    ProbeGuest guest = context.guest(Ring.KERNEL, 0xf4, 0x90, 0xe6, ProbeGuest.END);
    guest.singleStep();
    return guest.run() == LinuxKvm.KVM_EXIT_HLT();
  }
}

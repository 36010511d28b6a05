package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.layout.LinuxKvm;
import dev.lockstep.kvm.layout.kvm_run;

/** Whether interrupts and NMIs reach a guest without an interrupt controller in the kernel, and when. */
final class InterruptProbe implements HostProbe {
  private static final long INTERRUPT_FLAG = 1 << 9;
  private static final int VECTOR = 0x30, NMI = 2;

  @Override
  public String id() {
    return "interrupts";
  }

  @Override
  public String what() {
    return "interrupts";
  }

  @Override
  public Finding run(ProbeContext context) {
    boolean interrupt = interruptArrives(context);
    boolean nmi = nmiArrives(context);
    boolean prompt = windowIsPrompt(context);
    String found =
        "interrupt: %s; NMI: %s; window opens %s"
            .formatted(
                interrupt ? "arrives" : "lost",
                nmi ? "arrives" : "lost",
                prompt ? "at once" : "late, at no fixed point");
    Finding finding =
        !interrupt || !nmi
            ? Finding.of(id(), what(), Verdict.MISSING, found, "The KVM engine does not work here.")
                .advise("Use --engine soft.")
            : prompt
                ? Finding.of(
                    id(), what(), Verdict.OK, found, "Devices interrupt the guest promptly.")
                : Finding.of(
                    id(),
                    what(),
                    Verdict.LIMITED,
                    found,
                    "A guest that has just allowed interrupts gets them some instructions later.");
    return finding
        .with(HostTraits.IRQ_WINDOW_PROMPT, prompt)
        .with("interrupt", interrupt)
        .with("nmi", nmi);
  }

  private static boolean interruptArrives(ProbeContext context) {
    ProbeGuest guest = context.guest(Ring.KERNEL, Code.end(Ring.KERNEL));
    guest.addFlags(INTERRUPT_FLAG);
    guest.vcpu.interrupt(VECTOR);
    return guest.runToPort() == VECTOR;
  }

  private static boolean nmiArrives(ProbeContext context) {
    ProbeGuest guest = context.guest(Ring.KERNEL, Code.end(Ring.KERNEL));
    guest.vcpu.nmi();
    return guest.runToPort() == NMI;
  }

  private static boolean windowIsPrompt(ProbeContext context) {
    // sti; nop; nop; nop
    ProbeGuest guest =
        context.guest(
            Ring.KERNEL, Code.join(new int[] {0xfb, 0x90, 0x90, 0x90}, Code.end(Ring.KERNEL)));
    kvm_run.request_interrupt_window(guest.vcpu.runArea(), (byte) 1);
    return guest.run() == LinuxKvm.KVM_EXIT_IRQ_WINDOW_OPEN() && guest.rip() == ProbeGuest.CODE + 2;
  }
}

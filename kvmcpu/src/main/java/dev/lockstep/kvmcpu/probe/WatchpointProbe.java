package dev.lockstep.kvmcpu.probe;

import dev.lockstep.kvm.layout.LinuxKvm;

/** Whether the processor stops when memory is written that a debugger watches. */
final class WatchpointProbe implements HostProbe {
  /** DR7: R/W0 = 01 (writes), LEN0 = 11 (four bytes). */
  private static final long WRITES_OF_4 = 0xd_0000;

  /** DR7: breakpoint 0 is enabled. */
  private static final long LOCAL_0 = 1;

  private static final int DEBUG_EXCEPTION = 1;

  /** mov [disp32], eax: what comes before the address. */
  private static final int[] STORE = {0x89, 0x04, 0x25};

  @Override
  public String id() {
    return "watchpoints";
  }

  @Override
  public String what() {
    return "watchpoints";
  }

  @Override
  public Finding run(ProbeContext context) {
    boolean kernel = fires(context, Ring.KERNEL);
    boolean user = fires(context, Ring.USER);
    String found =
        "ring 0: %s; ring 3: %s"
            .formatted(kernel ? "fire" : "never fire", user ? "fire" : "never fire");
    Finding finding =
        kernel && user
            ? Finding.of(
                id(), what(), Verdict.OK, found, "A debugger watches memory at full speed.")
            : Finding.of(
                id(),
                what(),
                kernel || user ? Verdict.LIMITED : Verdict.MISSING,
                found,
                "A debugger watches memory on the software CPU, or by stepping; the guest's own watchpoints are lost.");
    return finding
        .with(HostTraits.WATCHPOINTS, kernel && user)
        .with(HostTraits.GUEST_WATCHPOINTS, guestsOwnFires(context));
  }

  /** The guest's debug registers, not the debugger's: they raise #DB in the guest. */
  private static boolean guestsOwnFires(ProbeContext context) {
    int[] code = Code.join(STORE, Code.dataAddress(), new int[] {0x90});
    ProbeGuest guest = context.guest(Ring.KERNEL, Code.join(code, Code.end(Ring.KERNEL)));
    guest.watchOwn(ProbeGuest.DATA, WRITES_OF_4 | LOCAL_0);
    return guest.runToPort() == DEBUG_EXCEPTION;
  }

  private static boolean fires(ProbeContext context, Ring ring) {
    int[] code = Code.join(STORE, Code.dataAddress(), new int[] {0x90});
    ProbeGuest guest = context.guest(ring, Code.join(code, Code.end(ring)));
    guest.breakAt(ProbeGuest.DATA, WRITES_OF_4);
    return guest.run() == LinuxKvm.KVM_EXIT_DEBUG()
        && guest.rip() == ProbeGuest.CODE + code.length - 1;
  }
}

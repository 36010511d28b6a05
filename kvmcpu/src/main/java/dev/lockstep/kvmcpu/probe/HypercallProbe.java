package dev.lockstep.kvmcpu.probe;

/** Whether a hypercall that nobody knows comes back, as it must. */
final class HypercallProbe implements HostProbe {
  @Override
  public String id() {
    return "hypercall";
  }

  @Override
  public String what() {
    return "hypercalls";
  }

  @Override
  public Finding run(ProbeContext context) {
    // mov eax, 100; vmcall
    int[] code = {0xb8, 100, 0, 0, 0, 0x0f, 0x01, 0xc1};
    context.guest(Ring.KERNEL, Code.join(code, Code.end(Ring.KERNEL))).run();
    return Finding.of(
            id(), what(), Verdict.OK, "come back", "A guest that makes one by mistake goes on.")
        .with(HostTraits.HYPERCALL_RETURNS, true);
  }

  @Override
  public long limitMillis() {
    return 1_000;
  }

  @Override
  public Finding cutOff() {
    return Finding.of(
            id(),
            what(),
            Verdict.LIMITED,
            "never come back",
            "A guest that makes one hangs; KVM's leaves are hidden from CPUID, so that Linux makes none.")
        .with(HostTraits.HYPERCALL_RETURNS, false)
        .with("cut_off", true);
  }
}

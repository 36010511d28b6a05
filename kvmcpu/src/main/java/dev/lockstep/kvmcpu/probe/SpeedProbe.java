package dev.lockstep.kvmcpu.probe;

/** How fast code runs in ring 0 and in ring 3: where KVM has no hardware virtualisation, ring 0 is interpreted by the kernel. */
final class SpeedProbe implements HostProbe {
  /** Between the fastest interpreter and the slowest processor, in millions of instructions a second; a factor of ten to either side. */
  private static final double NATIVE_FROM = 30;

  private static final long LONG_ENOUGH_NANOS = 10_000_000;
  private static final int FIRST_LOOPS = 500, MAX_LOOPS = 1 << 26;
  private static final int INSTRUCTIONS_PER_LOOP = 2;

  @Override
  public String id() {
    return "ring0";
  }

  @Override
  public String what() {
    return "ring 0";
  }

  @Override
  public Finding run(ProbeContext context) {
    double kernel = millionsPerSecond(context, Ring.KERNEL);
    double user = millionsPerSecond(context, Ring.USER);
    boolean isNative = kernel >= NATIVE_FROM;
    Finding finding =
        isNative
            ? Finding.of(
                id(),
                what(),
                Verdict.OK,
                "native: %,.0f million instructions/s; ring 3: %,.0f".formatted(kernel, user),
                "Kernels run at the processor's speed.")
            : Finding.of(
                    id(),
                    what(),
                    Verdict.LIMITED,
                    "emulated: %.1f million instructions/s; ring 3: %,.0f".formatted(kernel, user),
                    "This KVM has no hardware virtualisation: kernels crawl, and the software CPU runs them faster.")
                .advise(
                    "Use a host with VMX or SVM (enabled in the firmware, or nested virtualisation in a VM), or --engine soft.");
    return finding
        .with(HostTraits.RING0_NATIVE, isNative)
        .with(HostTraits.RING0_SPEED, kernel)
        .with(HostTraits.RING3_SPEED, user);
  }

  private static double millionsPerSecond(ProbeContext context, Ring ring) {
    // mov ecx, LOOPS; dec ecx; jnz to the dec; then the end
    ProbeGuest guest =
        context.guest(
            ring, Code.join(new int[] {0xb9, 1, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc}, Code.end(ring)));
    // The first run finds every page missing.
    guest.run();
    double best = 0;
    for (int loops = FIRST_LOOPS; loops <= MAX_LOOPS; loops *= 4) {
      guest.write(ProbeGuest.CODE + 1, loops, loops >>> 8, loops >>> 16, loops >>> 24);
      guest.restart();
      long start = System.nanoTime();
      int port = guest.runToPort();
      long nanos = System.nanoTime() - start;
      if (port != Code.endPort(ring)) {
        return 0;
      }
      // The best of several: others use the host's processors too.
      best = Math.max(best, (double) loops * INSTRUCTIONS_PER_LOOP * 1e3 / nanos);
      if (nanos >= LONG_ENOUGH_NANOS) {
        break;
      }
    }
    return best;
  }
}

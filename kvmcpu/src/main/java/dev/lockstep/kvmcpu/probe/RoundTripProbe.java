package dev.lockstep.kvmcpu.probe;

import java.util.Arrays;

/** How long an exit to this process and back takes. */
final class RoundTripProbe implements HostProbe {
  private static final int EXITS = 1_000;
  private static final long SLOW_NANOS = 5_000;

  @Override
  public String id() {
    return "exit";
  }

  @Override
  public String what() {
    return "exit round trip";
  }

  @Override
  public Finding run(ProbeContext context) {
    // out END, al; jmp to it
    ProbeGuest guest = context.guest(Ring.KERNEL, 0xe6, ProbeGuest.END, 0xeb, 0xfc);
    long[] nanos = new long[EXITS];
    for (int i = 0; i < EXITS; i++) {
      long start = System.nanoTime();
      guest.run();
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    long median = nanos[EXITS / 2];
    String found =
        "%.1f µs (median of %,d), p99 %.1f µs"
            .formatted(median / 1e3, EXITS, nanos[EXITS * 99 / 100] / 1e3);
    return Finding.of(
            id(),
            what(),
            median < SLOW_NANOS ? Verdict.OK : Verdict.LIMITED,
            found,
            median < SLOW_NANOS
                ? "Devices answer quickly."
                : "Every access to a device costs that much: guests with much input and output are slow.")
        .with(HostTraits.EXIT_NANOS, median);
  }
}

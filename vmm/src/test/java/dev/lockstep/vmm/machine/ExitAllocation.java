package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Stream;

/**
 * What a live machine's own thread allocates while its guest exits some hundred thousand times: HotSpot counts the bytes of each thread exactly, so that no time matters here. Prints its figures.
 *
 * @param warmUpExits before which code is decoded and translated, and classes are loaded
 * @param measuredExits in a window
 * @param bytesPerEntry that an entry of the log carries with it, as often as they are copied
 * @param bytesPerOutputByte that are allocated for each byte that leaves
 */
record ExitAllocation(
    long warmUpExits, long measuredExits, long bytesPerEntry, double bytesPerOutputByte) {
  /** An object takes 16 bytes at least, so that one with each twentieth exit is too many. */
  private static final double MAX_BYTES_PER_EXIT = 0.75;

  /** Of an entry with its moment, its output, and what the log does with it, without the bytes that it carries. */
  private static final long MAX_BYTES_PER_ENTRY = 400;

  /** The samples taken here, and a batch of the log that is written. */
  private static final long STRAY_BYTES = 4 << 10;

  /** Now and then a block of code is translated, or a class is loaded, later than while all warms up. What comes with an exit comes in each window. */
  private static final int WINDOWS = 5;

  /** No digests, which hash the devices' states: those are made for them, a few times a second. */
  private static final long NO_DIGESTS = 1L << 60;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** The machine at a boundary, as its own thread sees it. */
  private record Sample(long allocated, long exits, long entries, long outputs) {
    static Sample at(Boundary boundary) {
      MachineCore core = (MachineCore) boundary;
      AtomicLongArray told = new AtomicLongArray(ExitCounts.KINDS);
      core.runner().exits().tell(told, 0);
      return new Sample(
          THREADS.getCurrentThreadAllocatedBytes(),
          total(ExitCounts.told(told, 0)),
          core.nextSequence(),
          core.outputs().total());
    }

    Sample since(Sample before) {
      return new Sample(
          allocated - before.allocated,
          exits - before.exits,
          entries - before.entries,
          outputs - before.outputs);
    }
  }

  private static long total(ExitCounts exits) {
    return Stream.of(ExitKind.values()).mapToLong(exits::of).sum();
  }

  /** Such a machine without digests. */
  static MachineSpec withoutDigests(MachineSpec plain) {
    return new MachineSpec(
        plain.name(),
        plain.model(),
        plain.semantics(),
        plain.memoryBytes(),
        plain.wallClockNanos(),
        plain.pacing(),
        NO_DIGESTS,
        new TreeMap<>(plain.facts()));
  }

  /** Starts the machine, and holds what it allocates against what may be. */
  void check(Machine machine, LogSink sink, String what) throws Exception {
    machine.start(sink, new DirectGate((stream, offset, bytes) -> {}), 1);
    awaitExits(machine, warmUpExits);
    Sample window = window(machine);
    for (int i = 1; i < WINDOWS && window.allocated() > allowed(window); i++) {
      window = window(machine);
    }
    String told =
        "%s: %.3f bytes an exit (%,d exits, %,d entries, %,d bytes of output: %,d bytes)"
            .formatted(
                what,
                (double) window.allocated() / window.exits(),
                window.exits(),
                window.entries(),
                window.outputs(),
                window.allocated());
    System.out.println("ExitAllocation: " + told);
    assertThat(window.allocated()).as(told).isLessThanOrEqualTo(allowed(window));
  }

  /** What happens while the guest exits so often. */
  private Sample window(Machine machine) throws Exception {
    Sample first = sample(machine);
    awaitExits(machine, first.exits() + measuredExits);
    return sample(machine).since(first);
  }

  private long allowed(Sample window) {
    return STRAY_BYTES
        + (long) (window.exits() * MAX_BYTES_PER_EXIT)
        + window.entries() * (MAX_BYTES_PER_ENTRY + bytesPerEntry)
        + (long) (window.outputs() * bytesPerOutputByte);
  }

  private static Sample sample(Machine machine) throws Exception {
    return machine.atBoundary(Sample::at).get(60, TimeUnit.SECONDS);
  }

  private static void awaitExits(Machine machine, long wanted) throws InterruptedException {
    long started = System.nanoTime();
    while (total(machine.status().exits()) < wanted) {
      if (System.nanoTime() - started > TimeUnit.MINUTES.toNanos(2)) {
        fail("%d exits after two minutes", total(machine.status().exits()));
      }
      Thread.sleep(1);
    }
  }
}

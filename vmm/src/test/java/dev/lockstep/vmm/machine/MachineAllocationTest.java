package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a live machine's own thread allocates while its guest exits, of each kind some hundred thousand times: nothing, but for what goes to the log or out of the machine. HotSpot counts the bytes of each
 * thread exactly, so that no time matters here; prints its figures.
 */
class MachineAllocationTest {
  /** Before that, code is decoded and translated, and classes are loaded. */
  private static final long WARM_UP_EXITS = 100_000;

  private static final long MEASURED_EXITS = 200_000;

  /** Of a guest that really waits for its timer, ten thousand times a second. */
  private static final long PACED_EXITS = 20_000;

  /** An object takes 16 bytes at least, so that one with each twentieth exit is too many. */
  private static final double MAX_BYTES_PER_EXIT = 0.75;

  /** Of an entry with its moment, its output, and what the log does with it, without the bytes that it carries. */
  private static final long MAX_BYTES_PER_ENTRY = 400;

  /** The samples taken here, and a batch of the log that is written. */
  private static final long STRAY_BYTES = 4 << 10;

  /** Now and then a block of code is translated, or a class is loaded, later than while all warms up. What comes with an exit comes in each window. */
  private static final int WINDOWS = 5;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TempDir Path folder;

  /**
   * A guest.
   *
   * @param bytesPerEntry that an entry carries with it, as often as they are copied
   * @param bytesPerOutputByte that are allocated for each byte that leaves
   */
  private record Case(
      String name,
      GuestLoader guest,
      boolean disk,
      Pacing pacing,
      long bytesPerEntry,
      double bytesPerOutputByte) {
    static Case silent(String name, GuestLoader guest) {
      return new Case(name, guest, false, Pacing.FREE, 0, 0);
    }

    long measuredExits() {
      return pacing == Pacing.FREE ? MEASURED_EXITS : PACED_EXITS;
    }

    @Override
    public String toString() {
      return name;
    }
  }

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

  static Stream<Case> cases() {
    // Random bytes are copied on their way from the source to the guest and to the log.
    long random = 10L * 4 * ExitGuests.BUFFER_BYTES;
    return Stream.of(
        Case.silent("ports of devices", ExitGuests.ports()),
        Case.silent("interrupt controllers", ExitGuests.controllers()),
        Case.silent("registers of a virtio device", ExitGuests.registers()),
        Case.silent("HLT and timer", ExitGuests.sleeper()),
        new Case("HLT and timer, waiting", ExitGuests.sleeper(), false, Pacing.HOST, 0, 0),
        Case.silent("interrupts by a timer", ExitGuests.interrupted()),
        Case.silent("interrupts by a timer in ring 3", ExitGuests.interruptedInRing3()),
        Case.silent("boundaries", ExitGuests.idler()),
        new Case("bytes for the UART", ExitGuests.printer(), false, Pacing.FREE, 0, 1),
        new Case("virtio console", ExitGuests.consoleSender(), false, Pacing.FREE, 0, 1),
        new Case("virtio entropy", ExitGuests.entropyTaker(), false, Pacing.FREE, random, 0),
        new Case("virtio disk", ExitGuests.diskReader(), true, Pacing.FREE, 200, 0));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void anExitAllocatesNothing(Case it) throws Exception {
    measure(it, LogSink.NONE, "without a log");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void norWithALog(Case it) throws Exception {
    measure(it, new FileLogSink(folder.resolve("log")), "with a log");
  }

  private void measure(Case it, LogSink sink, String how) throws Exception {
    try (Machine machine = Machines.FACTORY.create(spec(it.pacing()), disks(it), it.guest())) {
      machine.start(sink, new DirectGate((stream, offset, bytes) -> {}), 1);
      awaitExits(machine, it.pacing() == Pacing.FREE ? WARM_UP_EXITS : PACED_EXITS);
      Sample window = window(machine, it);
      for (int i = 1; i < WINDOWS && window.allocated() > allowed(it, window); i++) {
        window = window(machine, it);
      }
      String told =
          "%s, %s: %.3f bytes an exit (%,d exits, %,d entries, %,d bytes of output: %,d bytes)"
              .formatted(
                  it,
                  how,
                  (double) window.allocated() / window.exits(),
                  window.exits(),
                  window.entries(),
                  window.outputs(),
                  window.allocated());
      System.out.println("MachineAllocationTest: " + told);
      assertThat(window.allocated()).as(told).isLessThanOrEqualTo(allowed(it, window));
    }
  }

  /** What happens while the guest exits so often. */
  private static Sample window(Machine machine, Case it) throws Exception {
    Sample first = sample(machine);
    awaitExits(machine, first.exits() + it.measuredExits());
    return sample(machine).since(first);
  }

  private static long allowed(Case it, Sample window) {
    return STRAY_BYTES
        + (long) (window.exits() * MAX_BYTES_PER_EXIT)
        + window.entries() * (MAX_BYTES_PER_ENTRY + it.bytesPerEntry())
        + (long) (window.outputs() * it.bytesPerOutputByte());
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

  /** Without digests, which hash the devices' states: those are made for them, a few times a second. */
  private static MachineSpec spec(Pacing pacing) {
    MachineSpec plain = Machines.spec(pacing);
    return new MachineSpec(
        plain.name(),
        plain.model(),
        plain.semantics(),
        plain.memoryBytes(),
        plain.wallClockNanos(),
        pacing,
        1L << 60,
        plain.facts());
  }

  private List<MachineDisk> disks(Case it) throws IOException {
    return it.disk()
        ? List.of(Machines.disk(Machines.image(folder.resolve("disk"), new Random(1))))
        : List.of();
  }
}

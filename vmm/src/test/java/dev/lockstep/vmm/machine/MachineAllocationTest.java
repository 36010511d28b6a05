package dev.lockstep.vmm.machine;

import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** An exit of each kind allocates nothing on the software CPU, but for what goes to the log or out of the machine. */
class MachineAllocationTest {
  private static final long WARM_UP_EXITS = 100_000;
  private static final long MEASURED_EXITS = 200_000;

  /** Of a guest that really waits for its timer, ten thousand times a second. */
  private static final long PACED_EXITS = 20_000;

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

    ExitAllocation allocation() {
      return pacing == Pacing.FREE
          ? new ExitAllocation(WARM_UP_EXITS, MEASURED_EXITS, bytesPerEntry, bytesPerOutputByte)
          : new ExitAllocation(PACED_EXITS, PACED_EXITS, bytesPerEntry, bytesPerOutputByte);
    }

    @Override
    public String toString() {
      return name;
    }
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
    MachineSpec spec = ExitAllocation.withoutDigests(Machines.spec(it.pacing()));
    try (Machine machine = Machines.FACTORY.create(spec, disks(it), it.guest())) {
      it.allocation().check(machine, sink, it + ", " + how);
    }
  }

  private List<MachineDisk> disks(Case it) throws IOException {
    return it.disk()
        ? List.of(Machines.disk(Machines.image(folder.resolve("disk"), new Random(1))))
        : List.of();
  }
}

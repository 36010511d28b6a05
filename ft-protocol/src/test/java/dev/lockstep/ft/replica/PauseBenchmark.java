package dev.lockstep.ft.replica;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.LogSink;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How long a guest that writes 200 MB/s stands still for the checkpoint that a new backup begins with: scripts/bench-pause. Measures, and asserts nothing but that it works. */
@Tag("bench")
class PauseBenchmark {
  private static final int ROUNDS = Integer.getInteger("bench.rounds", 5);
  private static final long MEMORY_BYTES = 512L << 20;
  private static final int PAGE_BYTES = 4096;
  private static final double WANTED = 200e6;
  private static final long MEASURED_MILLIS = 2_000;
  private static final int FULL_SPEED = 1_000;
  private static final OutputSink NOWHERE = (stream, offset, bytes) -> {};

  @TempDir Path folder = Path.of("unset");

  /** Working sets that are written again within 0.2 s and 2 s, and one byte of each page is enough to have it copied. */
  @Test
  void pauses() throws Exception {
    for (int pages : new int[] {10_000, 100_000}) {
      int rest = calibrated(pages);
      for (int round = 0; round < ROUNDS; round++) {
        try (Machine machine = machine(pages, rest)) {
          HeldOutputs gate =
              new HeldOutputs(0, List.of(), NOWHERE, through -> {}, new CommitLatency());
          machine.start(LogSink.NONE, gate, 1);
          double rate = rate(machine, pages);
          OutgoingCheckpoint file =
              OutgoingCheckpoint.create(
                  folder, 1, 0, CheckpointFile.Layout.STAND_FIRST, told -> {});
          long started = System.nanoTime();
          CheckpointPause pause =
              new CheckpointTaker(
                      machine,
                      file,
                      gate,
                      ReplicaSettings.DEFAULT_MAX_PAUSE_MILLIS,
                      machine::limitSpeed)
                  .whole()
                  .pause();
          long millis = (System.nanoTime() - started) / 1_000_000;
          file.close();
          machine.limitSpeed(FULL_SPEED);
          System.out.printf(
              "bench-pause: %d MiB, %d MB of it written again and again at %.0f MB/s: %s; %d ms in all%n",
              MEMORY_BYTES >> 20, pages * (long) PAGE_BYTES / 1_000_000, rate / 1e6, pause, millis);
        }
      }
    }
  }

  /** How long a guest has to rest after each page to write as much as wanted, on this host as it is. */
  private static int calibrated(int pages) throws Exception {
    int rest = 1_000;
    for (int i = 0; i < 3; i++) {
      try (Machine machine = machine(pages, rest)) {
        machine.start(LogSink.NONE, output -> {}, 1);
        rest = (int) Math.max(1, rest * rate(machine, pages) / WANTED);
      }
    }
    return rest;
  }

  private static double rate(Machine machine, int pages) throws Exception {
    // Between two ends of a round.
    long first = rounds(machine, rounds(machine, 1) + 1);
    long started = System.nanoTime();
    TimeUnit.MILLISECONDS.sleep(MEASURED_MILLIS);
    long written = rounds(machine, rounds(machine, 0) + 1) - first;
    return written * (double) pages * PAGE_BYTES * 1e9 / (System.nanoTime() - started);
  }

  /** How often the guest has gone through its pages; waits until it is so often. */
  private static long rounds(Machine machine, long least) throws Exception {
    long rounds = 0;
    do {
      rounds = machine.atBoundary(boundary -> boundary.memory().read64(Guests.DATA)).get();
    } while (rounds < least);
    return rounds;
  }

  private static Machine machine(int pages, int rest) {
    MachineSpec spec =
        new MachineSpec(
            "writer",
            CpuModel.LOCKSTEP_V1_TSC,
            BranchSemantics.ALL_TRANSFERS,
            MEMORY_BYTES,
            1_700_000_000_000_000_000L,
            MachineSpec.Pacing.HOST,
            1 << 16,
            new TreeMap<>());
    return Machines.FACTORY.create(spec, List.of(), Guests.dirtier(pages, rest));
  }
}

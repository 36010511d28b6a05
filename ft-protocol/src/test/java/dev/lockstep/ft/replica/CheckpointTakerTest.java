package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.LogSink;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.DataInputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint of a guest that writes memory faster than it is copied comes to its end within its bound. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class CheckpointTakerTest {
  private static final int MAX_PAUSE_MILLIS = 3;
  private static final int DIRTIED_PAGES = 8_192;

  private static final OutputSink NOWHERE = (stream, offset, bytes) -> {};

  @TempDir Path folder = Path.of("unset");

  @Test
  void aGuestThatWritesFastIsSlowedUntilTheRestFitsIntoTheBound() throws Exception {
    MachineSpec spec = Machines.spec(MachineSpec.Pacing.HOST);
    try (Machine machine =
        Machines.FACTORY.create(spec, List.of(), Guests.dirtier(DIRTIED_PAGES))) {
      HeldOutputs gate = new HeldOutputs(0, List.of(), NOWHERE, through -> {}, new CommitLatency());
      machine.start(LogSink.NONE, gate, 1);
      awaitDirty(machine);
      AtomicInteger slowest = new AtomicInteger(1_000);
      OutgoingCheckpoint file =
          OutgoingCheckpoint.create(folder, 1, 0, CheckpointFile.Layout.STAND_FIRST, told -> {});
      CheckpointTaker.Whole whole =
          new CheckpointTaker(
                  machine,
                  file,
                  gate,
                  MAX_PAUSE_MILLIS,
                  permille -> {
                    slowest.accumulateAndGet(permille, Math::min);
                    machine.limitSpeed(permille);
                  })
              .whole();
      CheckpointPause pause = whole.pause();
      System.out.println("CheckpointTakerTest: " + pause);
      // Never for ever: a guest that writes all of it again between two slices is taken as it is at
      // last, and the pause says so.
      if (pause.passes() < CheckpointTaker.MAX_PASSES) {
        assertThat(pause.copied()).as("copied in the pause").isLessThanOrEqualTo(pause.allowed());
      }
      assertThat(pause.passes()).isLessThanOrEqualTo(CheckpointTaker.MAX_PASSES);
      assertThat(pause.allowed()).as("what fits into the bound").isLessThan(DIRTIED_PAGES / 4);
      assertThat(pause.passes()).as("passes").isGreaterThan(1);
      assertThat(slowest).as("the guest was slowed").hasValueLessThan(1_000);
      assertThat(pause.toString()).contains("stood still for").contains("slowed to");
      // What was copied page by page is one moment's machine: its digest is compared.
      try (DataInputStream in = file.file().read()) {
        CheckpointReader reader = new CheckpointReader(in);
        LogHeader header = reader.header();
        assertThat(header.vm()).isEqualTo(spec.name());
        Machines.FACTORY.restore(spec, List.of(), reader).close();
      }
      file.close();
    }
  }

  private static void awaitDirty(Machine machine) throws Exception {
    while (machine.atBoundary(boundary -> boundary.pages().everWritten().cardinality()).get()
        < DIRTIED_PAGES) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.inspect.MachineView;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.replay.CheckpointSchedule;
import dev.lockstep.vmm.replay.Checkpoints;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A replay stops exactly where it is told to, from the log's start and from any of its checkpoints, and is the same replay. */
class ReplayTargetTest {
  private static final long EVERY_NANOS = 2_000_000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final MachineSpec spec = Machines.spec(MachineSpec.Pacing.FREE);
  private final List<LogEntry> entries = new ArrayList<>();
  @TempDir Path folder = Path.of("unset");
  private Path log = Path.of("unset");
  private Path image = Path.of("unset");
  private long lastCount;

  @BeforeEach
  void record() throws Exception {
    System.out.println("ReplayTargetTest seed " + seed);
    log = folder.resolve("log");
    image = Machines.image(folder.resolve("image"), random);
    try (Machine machine = Machines.withDisk(spec, Machines.copy(image, "recorded"));
        CheckpointSchedule schedule = new CheckpointSchedule(machine, log, EVERY_NANOS)) {
      machine.start(new FileLogSink(log), new DirectGate((s, o, b) -> {}), 1);
      while (machine.status().entries() < 100 || schedule.taken() < 5) {
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'x'}));
        Thread.sleep(1);
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      Machines.await(machine);
      assertThat(schedule.failure()).isNull();
    }
    try (EventLogReader reader = new EventLogReader(log)) {
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        entries.add(entry);
        lastCount = entry.at().count();
      }
    }
  }

  @Test
  void stopsAtEveryMomentThatTheLogNames() {
    for (int round = 0; round < 6; round++) {
      int sequence = random.nextInt(entries.size());
      LogEntry entry = entries.get(sequence);
      MachineView at = agreed(new ReplayTarget.Entry(sequence));
      assertThat(at.at()).as("seed %d", seed).isEqualTo(entry.at());
      assertThat(at.sequence()).isEqualTo(sequence);
      if (!entry.at().halted()) {
        ExecutionPoint point = entry.at().point();
        MachineView address = agreed(new ReplayTarget.Address(point.branchCount(), point.rip()));
        assertThat(address.at().point().branchCount()).isEqualTo(point.branchCount());
        assertThat(address.cpu().rip).isEqualTo(point.rip());
      }
    }
  }

  @Test
  void stepsFromCountToCount() {
    for (int round = 0; round < 3; round++) {
      long count = 1 + random.nextLong(lastCount - 2);
      MachineView from = agreed(new ReplayTarget.Count(count));
      assertThat(from.at().count()).as("seed %d", seed).isEqualTo(count);
      assertThat(agreed(new ReplayTarget.Steps(count, 0))).isEqualTo(from);
      MachineView next = agreed(new ReplayTarget.Count(count + 1));
      long steps = 0;
      MachineView stepped = from;
      while (stepped.at().count() == count && steps < 40) {
        stepped = fromStart(new ReplayTarget.Steps(count, ++steps));
      }
      if (stepped.at().count() > count) {
        assertThat(stepped).as("seed %d, count %d", seed, count).isEqualTo(next);
      }
    }
  }

  @Test
  void comesToAVirtualTime() {
    long end = fromStart(new ReplayTarget.Entry(entries.size() - 1)).virtualNanos();
    for (int round = 0; round < 6; round++) {
      long nanos = 1 + random.nextLong(end);
      MachineView view = agreed(new ReplayTarget.Time(nanos));
      assertThat(view.virtualNanos()).as("seed %d", seed).isGreaterThanOrEqualTo(nanos);
      if (!view.at().halted() && view.at().count() > 0) {
        MachineView before = fromStart(new ReplayTarget.Count(view.at().count() - 1));
        assertThat(before.virtualNanos()).as("seed %d", seed).isLessThan(nanos);
      }
    }
  }

  @Test
  void everyCheckpointContinuesToTheSameEndDisksIncluded() {
    List<Checkpoints.Checkpoint> checkpoints = Checkpoints.in(log);
    assertThat(checkpoints).hasSizeGreaterThanOrEqualTo(5);
    for (Checkpoints.Checkpoint checkpoint : checkpoints) {
      try (Machine machine = restored(checkpoint);
          FileLogSource source = new FileLogSource(log, checkpoint.sequence())) {
        var report = Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
        assertThat(report.divergence()).as("seed %d, %s", seed, checkpoint).isNull();
        assertThat(report.identical()).isTrue();
      }
    }
  }

  @Test
  void saysThatAPointIsNeverCome() {
    assertThatThrownBy(() -> fromStart(new ReplayTarget.Address(lastCount / 2, 0x3fff_ffffL)))
        .hasCauseInstanceOf(VmmException.class)
        .hasMessageContaining("does not come to 0x3fffffff");
  }

  @Test
  void aTargetBehindTheEndIsNoTarget() {
    try (Machine machine = Machines.withDisk(spec, own());
        FileLogSource source = new FileLogSource(log)) {
      machine.replay(
          source, new DirectGate((s, o, b) -> {}), new ReplayTarget.Count(Long.MAX_VALUE));
      assertThat(machine.ended().join().reason()).isEqualTo(EndReason.GUEST_EXIT);
    }
  }

  /** The same from the start and from the last checkpoint before it. */
  private MachineView agreed(ReplayTarget target) {
    MachineView whole = fromStart(target);
    Optional<Checkpoints.Checkpoint> base = Checkpoints.before(log, target).stream().findFirst();
    if (base.isPresent()) {
      try (Machine machine = restored(base.get());
          FileLogSource source = new FileLogSource(log, base.get().sequence())) {
        assertThat(led(machine, source, target)).as("seed %d, %s", seed, target).isEqualTo(whole);
      }
    }
    return whole;
  }

  private MachineView fromStart(ReplayTarget target) {
    try (Machine machine = Machines.withDisk(spec, own());
        FileLogSource source = new FileLogSource(log)) {
      return led(machine, source, target);
    }
  }

  private static MachineView led(Machine machine, FileLogSource source, ReplayTarget target)
      throws CompletionException {
    machine.replay(source, new DirectGate((s, o, b) -> {}), target);
    assertThat(machine.ended().join().reason()).isEqualTo(EndReason.TARGET);
    return machine.atBoundary(MachineView::of).join();
  }

  private Machine restored(Checkpoints.Checkpoint checkpoint) {
    return Machines.FACTORY.restore(spec, List.of(Machines.disk(own())), checkpoint.file());
  }

  private Path own() {
    try {
      return Machines.copy(image, "own" + random.nextInt(1 << 30));
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}

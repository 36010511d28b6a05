package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A backup follows a primary, the primary dies at a random moment, and the outside sees one machine. */
class GoLiveTest {
  private static final long KEPT_BYTES = 1 << 20;
  private static final long FULL_NANOS = 10_000_000_000L;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  /** A consumer by offset: takes what is new, and checks that what comes again is the same. */
  static final class ByOffset implements OutputConsumer {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public synchronized void accept(int stream, long offset, byte[] data) {
      int have = bytes.size();
      if (offset > have) {
        throw new IllegalStateException("a gap: offset %d after %d".formatted(offset, have));
      }
      int again = (int) Math.min(have - offset, data.length);
      byte[] before = Arrays.copyOfRange(bytes.toByteArray(), (int) offset, (int) offset + again);
      if (!Arrays.equals(before, Arrays.copyOf(data, again))) {
        throw new IllegalStateException("contradicted at offset " + offset);
      }
      bytes.write(data, again, data.length - again);
    }

    synchronized int size() {
      return bytes.size();
    }

    synchronized byte[] bytes() {
      return bytes.toByteArray();
    }
  }

  @RepeatedTest(10)
  void theBackupGoesOnWhereThePrimaryDied() throws Exception {
    System.out.println("GoLiveTest seed " + seed);
    MachineSpec spec = Machines.spec(Pacing.HOST);
    ByOffset outside = new ByOffset();
    CommitGate primaryGate = CommitGate.guarded(outside, KEPT_BYTES, FULL_NANOS);
    StreamLog stream =
        random.nextBoolean()
            ? new StreamLog(primaryGate::committed)
            : new PromisingLog(primaryGate::committed);
    CommitGate backupGate = CommitGate.following(outside, KEPT_BYTES, FULL_NANOS);
    Path secondLog = folder.resolve("second");
    try (Machine primary = Machines.create(spec, Guests.clockwork(8));
        Machine backup = Machines.create(spec, Guests.clockwork(8))) {
      primary.start(stream, primaryGate, 1);
      backup.follow(stream, backupGate, MachineMode.FOLLOW);
      type(primary, 10 + random.nextInt(20));
      if (random.nextBoolean()) {
        backupGate.released(DeviceIndexes.UART0, primaryGate.releasedOffset(DeviceIndexes.UART0));
      }
      stream.cut();
      // At a boundary, where no acknowledgement from before the cut is under way.
      int seen = primary.atBoundary(boundary -> outside.size()).get();
      // The primary runs on without a backup: nothing that it puts out now may leave.
      type(primary, 3);
      primary.kill();
      assertThatThrownBy(() -> Machines.await(primary)).hasMessageContaining("killed");
      assertThat(outside.size()).as("seed %d", seed).isEqualTo(seen);

      Path snapshot = folder.resolve("base");
      backup.goLive(new FileLogSink(secondLog), 2).get(60, TimeUnit.SECONDS);
      assertThat(backup.status().epoch()).isIn(1L, 2L);
      assertThatThrownBy(() -> backup.goLive(LogSink.NONE, 3).get()).hasMessageContaining("live");
      SnapshotInfo base = backup.snapshot(snapshot).get();
      type(backup, 10);
      backup.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      MachineEnd end = Machines.await(backup);
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      assertThat(outside.size()).isGreaterThan(seen);
      replayFrom(spec, base, secondLog, end);
    }
  }

  @Test
  void theBackupNeverRunsPastWhatItHolds() throws Exception {
    MachineSpec spec = Machines.spec(Pacing.HOST);
    StreamLog stream = new StreamLog(sequence -> {});
    try (Machine primary = Machines.create(spec, Guests.clockwork(8));
        Machine backup = Machines.create(spec, Guests.clockwork(8))) {
      primary.start(stream, new DirectGate((s, offset, bytes) -> {}), 1);
      backup.follow(stream, new DirectGate((s, offset, bytes) -> {}), MachineMode.FOLLOW);
      for (int i = 0; i < 50; i++) {
        type(primary, 1);
        long virtual = backup.atBoundary(Boundary::virtualNanos).get();
        assertThat(primary.atBoundary(Boundary::virtualNanos).get())
            .as("seed %d", seed)
            .isGreaterThanOrEqualTo(virtual);
      }
      primary.stop();
      assertThat(Machines.await(backup).reason()).isEqualTo(EndReason.STOPPED);
      assertThat(backup.atBoundary(boundary -> boundary.digest(false)).get())
          .isEqualTo(primary.atBoundary(boundary -> boundary.digest(false)).get());
    }
  }

  private void replayFrom(MachineSpec spec, SnapshotInfo base, Path log, MachineEnd end) {
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), base.file());
        FileLogSource source = new FileLogSource(log, base.sequence())) {
      ReplayReport report = Replay.run(machine, source, new DirectGate((s, offset, bytes) -> {}));
      assertThat(report.divergence()).as("seed %d", seed).isNull();
      assertThat(report.end()).isEqualTo(end);
    }
  }

  private void type(Machine machine, int inputs) throws InterruptedException {
    Typing.at(machine, random, inputs);
  }
}

package dev.lockstep.it.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineStatus;
import dev.lockstep.vmm.machine.SnapshotInfo;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Boot and workload, recorded with inputs and snapshots at random moments, replay bit for bit: same console bytes, same
 * digests, same registers, memory and disk at the end; and from each snapshot the rest of the log as well.
 */
class DebianReplayTest {
  private static final int RUNS = 20;
  private static final long MINUTE_NANOS = 60_000_000_000L;

  @TempDir Path folder = Path.of("unset");

  /** A snapshot, and the disk as it was then. */
  private record Base(SnapshotInfo snapshot, Path disk) {}

  private record Recording(
      Path folder, Path log, Path disk, MachineEnd end, byte[] output, List<Base> bases) {}

  @Test
  void bootAndWorkloadReplayIdentically() throws Exception {
    campaign(1, Long.getLong("lockstep.seed", new Random().nextLong()));
  }

  @Test
  @Tag("long")
  void twentyRunsOfTwentyAreIdentical() throws Exception {
    campaign(RUNS, Long.getLong("lockstep.seed", new Random().nextLong()));
  }

  @Test
  @Tag("long")
  void twentyRunsOfTwentyAreIdenticalUnderHostLoad() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    List<Thread> load = new ArrayList<>();
    for (int i = 0; i < 2 * Runtime.getRuntime().availableProcessors(); i++) {
      load.add(Thread.ofPlatform().daemon().start(() -> burn(over)));
    }
    try {
      campaign(RUNS, Long.getLong("lockstep.seed", new Random().nextLong()));
    } finally {
      over.set(true);
      for (Thread thread : load) {
        thread.join();
      }
    }
  }

  private static void burn(AtomicBoolean over) {
    Random random = new Random();
    while (!over.get()) {
      random.nextLong();
    }
  }

  @Test
  @Tag("long")
  void anIdleMinuteCostsLessThanFourKilobytesOfLog() throws Exception {
    DebianGuest guest = DebianGuest.prepare();
    FileLogSink sink = new FileLogSink(folder.resolve("idle-log"));
    DebianGuest.Screen screen = new DebianGuest.Screen();
    try (Machine machine = guest.machine(guest.disk(folder.resolve("idle-disk")))) {
      machine.start(sink, new DirectGate(screen), 1);
      screen.await("# ", screen.await("lockstep guest ready", 0));
      TimeUnit.SECONDS.sleep(5);
      long bytes = sink.bytesWritten();
      TimeUnit.NANOSECONDS.sleep(MINUTE_NANOS);
      long idle = sink.bytesWritten() - bytes;
      System.out.printf("replay: an idle minute made %d bytes of log%n", idle);
      assertThat(idle).isLessThan(4096);
      machine.stop();
      machine.ended().get(1, TimeUnit.MINUTES);
    }
  }

  private void campaign(int runs, long seed) throws Exception {
    System.out.printf("replay: seed %d%n", seed);
    Random random = new Random(seed);
    DebianGuest guest = DebianGuest.prepare();
    int replayed = 0;
    for (int run = 0; run < runs; run++) {
      Path own = Files.createDirectory(folder.resolve("run" + run));
      Recording recording = record(guest, own, random);
      replayed += replay(guest, recording);
      delete(own);
    }
    System.out.printf(
        "replay: %d of %d runs identical, %d replays from start or snapshot, seed %d%n",
        runs, runs, replayed, seed);
  }

  private static Recording record(DebianGuest guest, Path own, Random random) throws Exception {
    Path disk = guest.disk(own.resolve("disk"));
    Path log = own.resolve("log");
    FileLogSink sink = new FileLogSink(log);
    DebianGuest.Screen screen = new DebianGuest.Screen();
    List<Base> bases = new ArrayList<>();
    try (Machine machine = guest.machine(disk)) {
      machine.start(sink, new DirectGate(screen), 1);
      TimeUnit.MILLISECONDS.sleep(random.nextInt(3000));
      bases.add(base(machine, own, disk, 0));
      int booted = screen.await("# ", screen.await("lockstep guest ready", 0));
      DebianGuest.type(machine, "lockstep-workload %d".formatted(20 + random.nextInt(30)));
      TimeUnit.MILLISECONDS.sleep(random.nextInt(1500));
      bases.add(base(machine, own, disk, 1));
      int typed = 3 + random.nextInt(10);
      for (int i = 0; i < typed; i++) {
        TimeUnit.MILLISECONDS.sleep(random.nextInt(100));
        DebianGuest.type(machine, "");
      }
      int done = screen.await("workload done", booted);
      DebianGuest.type(machine, "sync; echo syn''ced; poweroff -f");
      screen.await("synced", done);
      MachineEnd end = machine.ended().get(2, TimeUnit.MINUTES);
      assertThat(end.reason()).isEqualTo(EndReason.HALTED_FOR_EVER);
      MachineStatus status = machine.status();
      System.out.printf(
          "replay: recorded %d entries, %d bytes of log, %,d instructions%n",
          status.entries(), sink.bytesWritten(), status.instructions());
      return new Recording(own, log, disk, end, screen.bytes(), bases);
    }
  }

  private static Base base(Machine machine, Path own, Path disk, int number) throws Exception {
    machine.pause().get(1, TimeUnit.MINUTES);
    SnapshotInfo snapshot =
        machine.snapshot(own.resolve("snapshot" + number)).get(1, TimeUnit.MINUTES);
    Path copy = Files.copy(disk, own.resolve("disk-at-snapshot" + number));
    machine.resume();
    System.out.printf(
        "replay: snapshot of %,d bytes, guest stopped for %d ms%n",
        snapshot.bytes(), snapshot.stoppedNanos() / 1_000_000);
    return new Base(snapshot, copy);
  }

  private static int replay(DebianGuest guest, Recording recording) throws IOException {
    Path disk = guest.disk(recording.folder.resolve("replay-disk"));
    try (Machine machine = guest.machine(disk)) {
      compare(machine, recording, 0);
    }
    assertThat(Files.mismatch(disk, recording.disk)).isEqualTo(-1);
    int replays = 1;
    for (Base base : recording.bases) {
      long started = System.nanoTime();
      try (Machine machine = guest.restored(base.snapshot.file(), base.disk)) {
        System.out.printf(
            "replay: snapshot restored in %d ms%n", (System.nanoTime() - started) / 1_000_000);
        compare(machine, recording, base.snapshot.sequence());
      }
      assertThat(Files.mismatch(base.disk, recording.disk)).isEqualTo(-1);
      replays++;
    }
    return replays;
  }

  private static void compare(Machine machine, Recording recording, long from) {
    DebianGuest.Screen screen = new DebianGuest.Screen();
    try (FileLogSource source = new FileLogSource(recording.log, from)) {
      ReplayReport report = Replay.run(machine, source, new DirectGate(screen));
      assertThat(report.divergence()).isNull();
      assertThat(report.identical()).as("%s", report).isTrue();
      assertThat(report.end()).isEqualTo(recording.end);
    }
    byte[] printed = screen.bytes();
    int length = recording.output.length;
    assertThat(printed)
        .isEqualTo(Arrays.copyOfRange(recording.output, length - printed.length, length));
    if (from == 0) {
      assertThat(printed.length).isEqualTo(length);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (var files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.EventLogWriter;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A guest whose frames depend on when each frame reached it: recorded, repeated, continued, followed and taken over. */
class NetworkReplayTest {
  private static final int STREAM = DeviceIndexes.network(0);
  private static final int INJECTED = 40;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");

  /** What leaves on each stream, by offset: what comes again is the same, and the network's is whole frames. */
  private static final class Outside implements OutputConsumer {
    private final ByteArrayOutputStream console = new ByteArrayOutputStream();
    private final ByteArrayOutputStream network = new ByteArrayOutputStream();

    @Override
    public synchronized void accept(int stream, long offset, byte[] data) {
      if (stream == STREAM && Frames.count(data) < 1) {
        throw new IllegalStateException("%d bytes that are not frames".formatted(data.length));
      }
      ByteArrayOutputStream bytes = stream == STREAM ? network : console;
      int have = bytes.size();
      int again = (int) Math.min(have - offset, data.length);
      byte[] before = bytes.toByteArray();
      if (offset > have
          || !Arrays.equals(
              Arrays.copyOfRange(before, (int) offset, (int) offset + again),
              Arrays.copyOf(data, again))) {
        throw new IllegalStateException("offset %d after %d bytes".formatted(offset, have));
      }
      bytes.write(data, again, data.length - again);
    }

    synchronized byte[] frames() {
      return network.toByteArray();
    }

    synchronized String text() {
      return console.toString(StandardCharsets.ISO_8859_1);
    }
  }

  private record Recording(
      Path log,
      MachineEnd end,
      Outside outside,
      List<SnapshotInfo> snapshots,
      List<byte[]> given) {}

  @ParameterizedTest
  @EnumSource(Pacing.class)
  void framesAreRepeatedBitForBit(Pacing pacing) throws Exception {
    System.out.println("NetworkReplayTest seed " + seed);
    MachineSpec spec = Machines.networked(pacing);
    Recording recording = record(spec);
    List<byte[]> sent = Frames.unpack(recording.outside.frames());
    assertThat(sent.size()).as("echoes and frames of its own").isGreaterThan(INJECTED);
    assertEchoed(recording.given, sent);
    for (int i = 0; i < 3; i++) {
      Outside outside = new Outside();
      try (Machine machine = Machines.create(spec, NetworkGuest.create());
          FileLogSource source = new FileLogSource(recording.log)) {
        ReplayReport report = Replay.run(machine, source, new DirectGate(outside));
        assertThat(report.divergence()).as("seed %d", seed).isNull();
        assertThat(report.end()).isEqualTo(recording.end);
      }
      assertThat(outside.frames()).as("seed %d", seed).isEqualTo(recording.outside.frames());
      assertThat(outside.text()).isEqualTo(recording.outside.text());
    }
    assertThat(recording.snapshots).isNotEmpty();
    for (SnapshotInfo snapshot : recording.snapshots) {
      try (Machine machine = Machines.FACTORY.restore(spec, List.of(), snapshot.file());
          FileLogSource source = new FileLogSource(recording.log, snapshot.sequence())) {
        ReplayReport report = Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
        assertThat(report.divergence()).as("seed %d", seed).isNull();
        assertThat(report.end()).isEqualTo(recording.end);
      }
    }
  }

  /** All that was given came back, in order, but for the bytes that are the guest's. */
  private static void assertEchoed(List<byte[]> given, List<byte[]> sent) {
    int at = 0;
    for (byte[] frame : sent) {
      if (at < given.size() && sameButForTheHash(given.get(at), frame)) {
        at++;
      } else {
        assertThat(frame).as("an echo, or one of its own").hasSize(NetworkGuest.OWN_BYTES);
      }
    }
    assertThat(at).as("echoes").isEqualTo(given.size());
  }

  private static boolean sameButForTheHash(byte[] given, byte[] sent) {
    int behind = NetworkGuest.HASH_AT + 8;
    return given.length == sent.length
        && Arrays.equals(given, 0, NetworkGuest.HASH_AT, sent, 0, NetworkGuest.HASH_AT)
        && Arrays.equals(given, behind, given.length, sent, behind, sent.length);
  }

  @Test
  void aFrameThatIsAnotherIsFoundOut() throws Exception {
    MachineSpec spec = Machines.networked(Pacing.HOST);
    Recording recording = record(spec);
    assertThat(replayChanged(spec, recording, it -> it).identical()).isTrue();
    ReplayReport changed =
        replayChanged(
            spec,
            recording,
            it -> {
              byte[] frames = it.frames();
              frames[Frames.LENGTH_BYTES + NetworkGuest.HASH_AT] ^= 1;
              return new LogEntry.NetworkInput(it.at(), it.device(), frames);
            });
    assertThat(changed.identical()).as("seed %d", seed).isFalse();
    assertThat(Objects.requireNonNull(changed.divergence()).getMessage()).contains("diverges at");
    ReplayReport elsewhere =
        replayChanged(
            spec, recording, it -> new LogEntry.NetworkInput(it.at(), STREAM + 1, it.frames()));
    assertThat(Objects.requireNonNull(elsewhere.divergence()).getMessage()).contains("diverges at");
    ReplayReport missing = replayChanged(spec, recording, it -> null);
    assertThat(missing.identical()).as("seed %d", seed).isFalse();
  }

  /** Replays the log with its middle network input replaced; left out, where nothing is put in its place. */
  private ReplayReport replayChanged(MachineSpec spec, Recording recording, Change change)
      throws Exception {
    List<LogEntry> log = new ArrayList<>();
    LogHeader header = read(recording.log, log);
    List<LogEntry.NetworkInput> inputs =
        log.stream()
            .filter(LogEntry.NetworkInput.class::isInstance)
            .map(LogEntry.NetworkInput.class::cast)
            .toList();
    LogEntry.NetworkInput middle = inputs.get(inputs.size() / 2);
    LogEntry instead = change.apply(middle);
    int at = log.indexOf(middle);
    if (instead == null) {
      log.remove(at);
    } else {
      log.set(at, instead);
    }
    Path file = folder.resolve("changed" + random.nextInt(1 << 30));
    try (EventLogWriter writer = new EventLogWriter(file, header)) {
      log.forEach(writer::append);
    }
    try (Machine machine = Machines.create(spec, NetworkGuest.create());
        FileLogSource source = new FileLogSource(file)) {
      return Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
    }
  }

  private interface Change {
    @Nullable LogEntry apply(LogEntry.NetworkInput input);
  }

  private static LogHeader read(Path file, List<LogEntry> into) throws Exception {
    try (EventLogReader reader = new EventLogReader(file)) {
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        into.add(entry);
      }
      return reader.header();
    }
  }

  @RepeatedTest(3)
  void theBackupTakesTheInterfaceOverAndAnnouncesIt() throws Exception {
    System.out.println("NetworkReplayTest seed " + seed);
    MachineSpec spec = Machines.networked(Pacing.HOST);
    Outside outside = new Outside();
    CommitGate primaryGate = CommitGate.guarded(outside, 1 << 20, 10_000_000_000L);
    CommitGate backupGate = CommitGate.following(outside, 1 << 20, 10_000_000_000L);
    StreamLog stream = new StreamLog(primaryGate::committed);
    Path second = folder.resolve("second");
    SnapshotInfo base;
    MachineEnd end;
    try (Machine primary = Machines.create(spec, NetworkGuest.create());
        Machine backup = Machines.create(spec, NetworkGuest.create())) {
      primary.start(stream, primaryGate, 1);
      backup.follow(stream, backupGate, MachineMode.FOLLOW);
      give(primary, 20, new ArrayList<>());
      Awaitility.await().until(() -> outside.frames().length > 0);
      stream.cut();
      primary.kill();
      // Where it has nothing more to follow it stands still: its first entry as a primary is at
      // this boundary.
      backup.goLive(new FileLogSink(second), 2).get(60, TimeUnit.SECONDS);
      base = backup.snapshot(folder.resolve("base")).get();
      Awaitility.await().atMost(60, TimeUnit.SECONDS).until(() -> outside.text().indexOf('N') >= 0);
      int before = outside.frames().length;
      give(backup, 20, new ArrayList<>());
      backup.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      end = Machines.await(backup);
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      assertThat(outside.frames().length).isGreaterThan(before);
    }
    List<LogEntry> log = new ArrayList<>();
    read(second, log);
    assertThat(log.stream().filter(NetworkReplayTest::announces)).as("seed %d", seed).hasSize(1);
    try (Machine machine = Machines.FACTORY.restore(spec, List.of(), base.file());
        FileLogSource source = new FileLogSource(second, base.sequence())) {
      ReplayReport report = Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
      assertThat(report.divergence()).as("seed %d", seed).isNull();
      assertThat(report.end()).isEqualTo(end);
    }
  }

  private static boolean announces(LogEntry entry) {
    return entry instanceof LogEntry.ControlInput it
        && it.control() == LogEntry.Control.NETWORK_ANNOUNCE;
  }

  /** A machine that does not take frames loses them; its console goes on. */
  @Test
  void aGuestWithoutADriverLosesFrames() throws Exception {
    MachineSpec spec = Machines.networked(Pacing.HOST);
    Path file = folder.resolve("log");
    try (Machine machine = Machines.create(spec, Guests.clockwork(8))) {
      machine.start(new FileLogSink(file), new DirectGate((s, o, b) -> {}), 1);
      for (int i = 0; i < 200; i++) {
        while (!machine.inject(frames(1518, 1518, 1518, 1518))) {
          Thread.onSpinWait();
        }
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.GUEST_EXIT);
    }
    List<LogEntry> log = new ArrayList<>();
    read(file, log);
    assertThat(log).noneMatch(LogEntry.NetworkInput.class::isInstance);
  }

  private Recording record(MachineSpec spec) throws Exception {
    Outside outside = new Outside();
    List<SnapshotInfo> snapshots = new ArrayList<>();
    List<byte[]> given = new ArrayList<>();
    Path log = folder.resolve("log" + spec.pacing());
    try (Machine machine = Machines.create(spec, NetworkGuest.create())) {
      machine.start(new FileLogSink(log), new DirectGate(outside), 1);
      // Until its driver is ready frames are lost.
      Awaitility.await().until(() -> outside.frames().length > 0);
      for (int i = 0; i < INJECTED; i += 10) {
        give(machine, 10, given);
        snapshots.add(machine.snapshot(folder.resolve(spec.pacing() + "snapshot" + i)).get());
      }
      Awaitility.await()
          .atMost(60, TimeUnit.SECONDS)
          .until(() -> echoes(given, outside.frames()) == given.size());
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      return new Recording(log, Machines.await(machine), outside, snapshots, given);
    }
  }

  private static int echoes(List<byte[]> given, byte[] packed) {
    int at = 0;
    for (byte[] frame : Frames.unpack(packed)) {
      at += at < given.size() && sameButForTheHash(given.get(at), frame) ? 1 : 0;
    }
    return at;
  }

  private void give(Machine machine, int batches, List<byte[]> given) throws Exception {
    for (int i = 0; i < batches; i++) {
      Thread.sleep(random.nextInt(4), random.nextInt(900_000));
      int[] lengths = new int[1 + random.nextInt(random.nextInt(6) == 0 ? 30 : 4)];
      for (int j = 0; j < lengths.length; j++) {
        lengths[j] = random.nextInt(NetworkGuest.HASH_AT + 8, 1519);
      }
      MachineInput.NetworkFrames frames = frames(lengths);
      while (!machine.inject(frames)) {
        Thread.onSpinWait();
      }
      given.addAll(Frames.unpack(frames.packed()));
      if (random.nextInt(4) == 0) {
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'x'}));
      }
    }
  }

  private MachineInput.NetworkFrames frames(int... lengths) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (int length : lengths) {
      byte[] frame = new byte[length];
      random.nextBytes(frame);
      packed.writeBytes(Frames.pack(frame));
    }
    return new MachineInput.NetworkFrames(packed.toByteArray());
  }
}

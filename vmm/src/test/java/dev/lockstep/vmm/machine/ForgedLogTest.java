package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.EventLogWriter;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.log.RandomEntries;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A log whose checksums are right and whose content is not: entries changed, invented, left out and moved. Its replay ends,
 * and ends as identical, diverged or refused; anything else is a defect of ours.
 */
class ForgedLogTest {
  private static final int SAMPLE = 150;
  private static final int CAMPAIGN = 10_000;

  private final long seed = Long.getLong("forgery.seed", new Random().nextLong());
  private final MachineSpec spec = Machines.spec(Pacing.HOST);
  private final List<LogEntry> recorded = new ArrayList<>();
  @TempDir Path folder = Path.of("unset");
  private @Nullable LogHeader header;

  @BeforeEach
  void record() throws Exception {
    try (Machine machine = Machines.create(spec, Guests.clockwork(8))) {
      machine.start(new FileLogSink(folder.resolve("log")), new DirectGate((s, o, b) -> {}), 1);
      for (int i = 0; i < 8; i++) {
        Thread.sleep(2);
        machine.inject(
            new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {(byte) ('0' + i)}));
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      Machines.await(machine);
    }
    try (EventLogReader reader = new EventLogReader(folder.resolve("log"))) {
      header = reader.header();
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        recorded.add(entry);
      }
    }
  }

  @Test
  @Timeout(120)
  void everyForgeryEndsInOrder() throws Exception {
    run(SAMPLE);
  }

  @Test
  @Tag("long")
  void tenThousandForgeriesEndInOrder() throws Exception {
    run(CAMPAIGN);
  }

  private void run(int rounds) throws Exception {
    int identical = 0;
    int diverged = 0;
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      Random random = new Random(seed + round);
      List<LogEntry> log = new ArrayList<>(recorded);
      for (int i = random.nextInt(3); i >= 0; i--) {
        forge(log, random);
      }
      // The format has no way to write a moment that goes back.
      log.sort(Comparator.comparingLong(entry -> entry.at().count()));
      Path file = folder.resolve("forged" + round);
      try {
        ReplayReport report = replay(file, log);
        if (report.identical()) {
          identical++;
        } else {
          diverged++;
        }
      } catch (VmmException e) {
        assertThat(e.getMessage()).isNotBlank();
        refused++;
      } catch (Exception e) {
        throw new AssertionError("seed %d, round %d".formatted(seed, round), e);
      }
      try (var files = Files.list(file)) {
        for (Path each : files.toList()) {
          Files.delete(each);
        }
      }
    }
    System.out.printf(
        "campaign: %d forged logs, seed %d: %d identical, %d diverged, %d refused%n",
        rounds, seed, identical, diverged, refused);
    assertThat(diverged).as("seed %d", seed).isGreaterThan(rounds / 2);
  }

  private static void forge(List<LogEntry> log, Random random) {
    int at = random.nextInt(log.size());
    switch (random.nextInt(5)) {
      case 0 -> log.set(at, invented(log.get(at).at(), random));
      case 1 -> log.add(at, invented(log.get(at).at(), random));
      case 2 -> {
        if (log.size() > 1) {
          log.remove(at);
        }
      }
      case 3 -> log.set(at, invented(moved(log.get(at).at(), random), random));
      default -> {
        int other = random.nextInt(log.size());
        LogEntry entry = log.get(at);
        log.set(at, log.get(other));
        log.set(other, entry);
      }
    }
  }

  /** Not far: a count that is never reached in a lifetime is waited for. */
  private static Moment moved(Moment moment, Random random) {
    ExecutionPoint point = moment.point();
    ExecutionPoint elsewhere =
        switch (random.nextInt(3)) {
          case 0 ->
              new ExecutionPoint(
                  Math.max(0, point.branchCount() + random.nextInt(-1000, 1000)),
                  point.rip(),
                  point.rcx());
          case 1 -> new ExecutionPoint(point.branchCount(), random.nextLong(), point.rcx());
          default -> new ExecutionPoint(point.branchCount(), point.rip(), random.nextLong());
        };
    return switch (random.nextInt(3)) {
      case 0 -> Moment.running(elsewhere);
      case 1 -> new Moment(elsewhere, random.nextLong(1L << 34));
      default -> new Moment(elsewhere, moment.haltedNanos());
    };
  }

  private static LogEntry invented(Moment at, Random random) {
    return switch (random.nextInt(10)) {
      case 0 -> new LogEntry.ConsoleInput(at, random.nextInt(300), bytes(random));
      case 1 -> new LogEntry.DiskCompletion(at, random.nextInt(300), number(random), small(random));
      case 2 -> new LogEntry.EntropyInput(at, random.nextInt(300), bytes(random));
      case 3 ->
          new LogEntry.ControlInput(
              at,
              LogEntry.Control.values()[random.nextInt(LogEntry.Control.values().length)],
              random.nextLong());
      case 4 -> new LogEntry.ClockEntry(at, number(random), 1 + number(random));
      case 5 ->
          new LogEntry.OutputEntry(
              at, random.nextInt(300), number(random), 1 + small(random), random.nextLong());
      case 6 -> new LogEntry.DigestEntry(at, random.nextLong(), random.nextLong());
      case 7 -> new LogEntry.CheckpointMark(at, number(random), digest(random));
      case 8 -> new LogEntry.NetworkInput(at, random.nextInt(300), RandomEntries.frames(random));
      default ->
          new LogEntry.EndOfLog(
              at,
              RandomEntries.reason(random),
              random.nextInt(),
              random.nextBoolean() ? digest(random) : null);
    };
  }

  private static MachineDigest digest(Random random) {
    List<Long> disks = new ArrayList<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      disks.add(random.nextLong());
    }
    return new MachineDigest(random.nextLong(), random.nextLong(), random.nextLong(), disks);
  }

  private static long number(Random random) {
    return random.nextLong() >>> (1 + random.nextInt(60));
  }

  private static int small(Random random) {
    return random.nextInt() >>> (1 + random.nextInt(30));
  }

  private static byte[] bytes(Random random) {
    byte[] bytes = new byte[1 + random.nextInt(600)];
    random.nextBytes(bytes);
    return bytes;
  }

  private ReplayReport replay(Path file, List<LogEntry> log) throws Exception {
    try (EventLogWriter writer = new EventLogWriter(file, Objects.requireNonNull(header))) {
      for (LogEntry entry : log) {
        writer.append(entry);
        if (entry instanceof LogEntry.EndOfLog) {
          break;
        }
      }
    }
    try (Machine machine = Machines.create(spec, Guests.clockwork(8));
        FileLogSource source = new FileLogSource(file)) {
      Thread watch =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  machine.ended().get(60, TimeUnit.SECONDS);
                } catch (Exception _) {
                  machine.stop();
                }
              });
      ReplayReport report = Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
      watch.interrupt();
      if (report.end() != null && report.end().reason() == EndReason.STOPPED) {
        assertThat(log.stream().anyMatch(ForgedLogTest::stops)).as("ends by itself").isTrue();
      }
      return report;
    }
  }

  private static boolean stops(LogEntry entry) {
    return entry instanceof LogEntry.EndOfLog end && end.reason() == EndReason.STOPPED;
  }
}

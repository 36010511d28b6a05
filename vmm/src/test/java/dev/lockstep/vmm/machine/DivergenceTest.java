package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.log.EventLogReader;
import dev.lockstep.vmm.log.EventLogWriter;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import dev.lockstep.vmm.time.BranchPacer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A log that says something else than what happened is found out, with both values. */
class DivergenceTest {
  private static final Set<Class<? extends LogEntry>> CHANGED =
      Set.of(
          LogEntry.ConsoleInput.class,
          LogEntry.OutputEntry.class,
          LogEntry.DigestEntry.class,
          LogEntry.ClockEntry.class);

  private static final int MIN_INPUTS = 20;

  /** Where no instruction is. */
  private static final long NO_CODE = 0x3fff_ffffL;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final MachineSpec spec = Machines.spec(Pacing.HOST);
  private final List<LogEntry> entries = new ArrayList<>();
  @TempDir Path folder = Path.of("unset");
  private @Nullable LogHeader header;

  /** Until the log has an entry of every kind that is changed below, on a host of any speed. */
  @BeforeEach
  void record() throws Exception {
    System.out.println("DivergenceTest seed " + seed);
    Kinds kinds = new Kinds(new FileLogSink(folder.resolve("log")));
    try (Machine machine = Machines.create(spec, Guests.clockwork(8))) {
      machine.start(kinds, new DirectGate((s, o, b) -> {}), 1);
      long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
      for (int i = 0; i < MIN_INPUTS || !kinds.seen.containsAll(CHANGED); i++) {
        assertThat(System.nanoTime()).as("only %s were seen", kinds.seen).isLessThan(deadline);
        byte typed = (byte) ('0' + i % 10);
        machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {typed}));
        if (!kinds.seen.contains(LogEntry.ClockEntry.class)) {
          // A vCPU that is held up has its clock corrected.
          machine.atBoundary(core -> held()).get(1, TimeUnit.MINUTES);
        }
        Thread.sleep(random.nextInt(4));
      }
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'q'}));
      Machines.await(machine);
    }
    try (EventLogReader reader = new EventLogReader(folder.resolve("log"))) {
      header = reader.header();
      for (LogEntry entry = reader.next(); entry != null; entry = reader.next()) {
        entries.add(entry);
      }
    }
  }

  private static boolean held() throws InterruptedException {
    Thread.sleep(2 * BranchPacer.MAX_BEHIND_NANOS / 1_000_000);
    return true;
  }

  @Test
  void theUnchangedLogIsIdentical() {
    assertThat(replay(entries).identical()).as("seed %d", seed).isTrue();
  }

  @Test
  void anotherByteTyped() {
    ReplayReport report =
        replay(
            changed(
                LogEntry.ConsoleInput.class,
                it -> new LogEntry.ConsoleInput(it.at(), it.device(), new byte[] {'!'})));
    // What comes first: the echo, a digest, or a branch that goes another way.
    assertThat(divergence(report).getMessage()).contains("diverges at");
  }

  @Test
  void anotherHashOfAnOutput() {
    LogEntry.OutputEntry[] was = new LogEntry.OutputEntry[1];
    ReplayReport report =
        replay(
            changed(
                LogEntry.OutputEntry.class,
                it -> {
                  was[0] = it;
                  return new LogEntry.OutputEntry(
                      it.at(), it.stream(), it.offset(), it.length(), it.hash() ^ 1);
                }));
    assertThat(divergence(report).field()).contains("hash of output of stream 0");
    assertThat(divergence(report).replayed())
        .as("hash and first bytes of what was produced here")
        .matches("%016x \\(([0-9a-f]{2})+…?\\)".formatted(Objects.requireNonNull(was[0]).hash()));
  }

  @Test
  void anotherDigest() {
    ReplayReport report =
        replay(
            changed(
                LogEntry.DigestEntry.class,
                it -> new LogEntry.DigestEntry(it.at(), it.registers(), it.devices() ^ 1)));
    assertThat(divergence(report).field()).isEqualTo("digest of the devices");
  }

  @Test
  void aClockStepThatDidNotHappen() {
    ReplayReport report =
        replay(
            changed(
                LogEntry.ClockEntry.class,
                it -> new LogEntry.ClockEntry(it.at(), it.stepNanos() + 5_000_000, it.pace())));
    assertThat(divergence(report).getMessage()).contains("diverges at");
  }

  @Test
  void aPointThatIsNeverReached() {
    ReplayReport report =
        replay(
            changed(
                LogEntry.ConsoleInput.class,
                it -> {
                  ExecutionPoint point = it.at().point();
                  Moment moved =
                      new Moment(
                          new ExecutionPoint(point.branchCount(), NO_CODE, point.rcx()),
                          it.at().haltedNanos());
                  return new LogEntry.ConsoleInput(moved, it.device(), it.bytes());
                }));
    assertThat(divergence(report).expected()).isInstanceOf(LogEntry.ConsoleInput.class);
  }

  @Test
  void anInputLeftOut() {
    List<LogEntry> shorter = new ArrayList<>(entries);
    shorter.remove(indexOf(LogEntry.ConsoleInput.class));
    assertThat(divergence(replay(shorter)).getMessage()).contains("diverges at");
  }

  /** One entry of a kind replaced. */
  private <T extends LogEntry> List<LogEntry> changed(Class<T> kind, Function<T, LogEntry> change) {
    int index = indexOf(kind);
    List<LogEntry> log = new ArrayList<>(entries);
    log.set(index, change.apply(kind.cast(entries.get(index))));
    return log;
  }

  private int indexOf(Class<? extends LogEntry> kind) {
    for (int i = entries.size() / 2; i < entries.size(); i++) {
      if (kind.isInstance(entries.get(i))) {
        return i;
      }
    }
    for (int i = entries.size() / 2 - 1; i >= 0; i--) {
      if (kind.isInstance(entries.get(i))) {
        return i;
      }
    }
    throw new AssertionError("the recording has no " + kind.getSimpleName());
  }

  private static DivergenceException divergence(ReplayReport report) {
    assertThat(report.identical()).isFalse();
    return Objects.requireNonNull(report.divergence());
  }

  private ReplayReport replay(List<LogEntry> log) {
    Path file = folder.resolve("changed" + random.nextInt(1 << 30));
    try (EventLogWriter writer = new EventLogWriter(file, Objects.requireNonNull(header))) {
      log.forEach(writer::append);
    }
    try (Machine machine = Machines.create(spec, Guests.clockwork(8));
        FileLogSource source = new FileLogSource(file)) {
      return Replay.run(machine, source, new DirectGate((s, o, b) -> {}));
    }
  }

  /** A log that knows which kinds of entries it has. */
  private static final class Kinds implements LogSink {
    final Set<Class<? extends LogEntry>> seen = ConcurrentHashMap.newKeySet();
    private final LogSink log;

    Kinds(LogSink log) {
      this.log = log;
    }

    @Override
    public void begin(Supplier<LogHeader> header) {
      log.begin(header);
    }

    @Override
    public void append(long sequence, LogEntry entry) {
      log.append(sequence, entry);
      seen.add(entry.getClass());
    }

    @Override
    public void flush() {
      log.flush();
    }

    @Override
    public boolean wantsFinalDigest() {
      return log.wantsFinalDigest();
    }

    @Override
    public void end() {
      log.end();
    }
  }
}

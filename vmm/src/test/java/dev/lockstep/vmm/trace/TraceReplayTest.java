package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.GuestMemory;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineFactory;
import dev.lockstep.vmm.machine.MachineInput;
import dev.lockstep.vmm.machine.MachineMode;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A trace has what the guest executed, neither more nor less, and collecting it changes nothing. */
final class TraceReplayTest {
  private static final int TICKS = 12;

  /** Small, so that the guest often halts and its timer comes soon. */
  private static final int WORK = 50;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final MachineSpec spec = Machines.spec(Pacing.FREE);
  @TempDir Path folder = Path.of("unset");
  private Path log = Path.of("unset");
  private @Nullable MachineEnd end;
  private int files;

  @BeforeEach
  void record() throws Exception {
    System.out.println("TraceReplayTest seed " + seed);
    log = folder.resolve("log");
    try (Machine machine = Machines.create(spec, Guests.clockworkUntil(TICKS, WORK))) {
      machine.start(new FileLogSink(log), new DirectGate((stream, offset, bytes) -> {}), 1);
      for (int i = 0; i < 8; i++) {
        machine.inject(new MachineInput.ConsoleBytes(0, new byte[] {(byte) random.nextInt('a')}));
      }
      end = Machines.await(machine);
    }
  }

  private List<TraceRecord> collect(TraceSelection selection) {
    Path file = folder.resolve("trace" + files++);
    try (FileLogSource source = new FileLogSource(log);
        TraceCollector collector = new TraceCollector(file, source.header(), selection);
        Machine machine =
            new MachineFactory("soft", collector.engine())
                .create(spec, List.of(), Guests.clockworkUntil(TICKS, WORK))) {
      machine.follow(
          new TracedLog(source, collector),
          new DirectGate((stream, offset, bytes) -> {}),
          MachineMode.REPLAY);
      // The digests on the way and at the end are those of the recording.
      assertThat(machine.ended().join()).as("seed %d", seed).isEqualTo(end);
      collector.finish();
    }
    List<TraceRecord> records = new ArrayList<>();
    try (TraceFile trace = new TraceFile(file)) {
      assertThat(trace.damage()).isNull();
      trace.read(records::add);
    }
    return records;
  }

  private static List<TraceRecord> flowOf(List<TraceRecord> records) {
    return records.stream()
        .filter(record ->
            record instanceof TraceRecord.Instruction
                || record instanceof TraceRecord.Branch
                || record instanceof TraceRecord.Access)
        .toList();
  }

  @Test
  void aTraceIsWhatSteppingSees() {
    List<TraceRecord> records =
        collect(
            TraceSelection.all(
                TraceKind.INSTRUCTIONS,
                TraceKind.BRANCHES,
                TraceKind.MEMORY,
                TraceKind.INTERRUPTS));
    // Those of deliveries are the CPU's own; the witness looks at instructions.
    List<TraceRecord> plain = new ArrayList<>(records);
    plain.removeIf(record ->
        record instanceof TraceRecord.Access it && it.at().nanos() != TracePosition.UNKNOWN);
    SteppingWitness[] made = new SteppingWitness[1];
    GuestMemory[] memory = new GuestMemory[1];
    MachineFactory stepping =
        new MachineFactory(
            "soft",
            (model, semantics, guestMemory, tsc) -> {
              memory[0] = guestMemory;
              SoftVcpu soft = SoftVcpu.create(model, guestMemory, tsc, semantics);
              made[0] = new SteppingWitness(soft, guestMemory, new GroupedRecords(plain));
              return made[0];
            });
    byte[] replayed = new byte[Guest.BYTES];
    byte[] shadow = new byte[Guest.BYTES];
    try (FileLogSource source = new FileLogSource(log);
        Machine machine = stepping.create(spec, List.of(), Guests.clockworkUntil(TICKS, WORK))) {
      memory[0].read(0, shadow, 0, shadow.length);
      ReplayReport report =
          Replay.run(machine, source, new DirectGate((stream, offset, bytes) -> {}));
      assertThat(report.identical()).as("seed %d", seed).isTrue();
      made[0].finish();
      memory[0].read(0, replayed, 0, replayed.length);
    }
    System.out.printf(
        "%d instructions, %d accesses, %d deliveries%n",
        made[0].instructions(), made[0].accesses(), made[0].deliveries());
    assertThat(made[0].instructions()).isGreaterThan(10_000);
    assertThat(made[0].deliveries()).isGreaterThanOrEqualTo(TICKS);
    for (TraceRecord record : records) {
      if (record instanceof TraceRecord.Access it && it.write() && it.physical() < shadow.length) {
        for (int i = 0; i < it.size(); i++) {
          shadow[(int) it.physical() + i] = (byte) (it.value() >>> 8 * i);
        }
      }
    }
    Guest.forgetPageTables(shadow);
    Guest.forgetPageTables(replayed);
    assertThat(shadow).as("memory, made of the stores alone; seed %d", seed).isEqualTo(replayed);
  }

  @Test
  void whatIsCollectedDoesNotDependOnWhatElseIs() {
    List<TraceRecord> all = collect(TraceSelection.all());
    assertThat(all).hasSizeGreaterThan(10_000);
    for (TraceKind kind : TraceKind.values()) {
      List<TraceRecord> only = collect(TraceSelection.all(kind));
      only.removeIf(record -> isOfNoKind(record));
      List<TraceRecord> wanted = new ArrayList<>(all);
      wanted.removeIf(record -> !isOf(record, kind));
      if (kind == TraceKind.INTERRUPTS) {
        // With memory accesses, a delivery has its own.
        wanted.replaceAll(TraceReplayTest::withoutAccesses);
      }
      assertThat(only).as("%s, seed %d", kind, seed).isEqualTo(wanted);
    }
  }

  private static boolean isOfNoKind(TraceRecord record) {
    return record instanceof TraceRecord.Resumed || record instanceof TraceRecord.Left;
  }

  private static TraceRecord withoutAccesses(TraceRecord record) {
    return record instanceof TraceRecord.Delivered it
        ? new TraceRecord.Delivered(
            it.at(), it.kind(), it.vector(), it.errorCode(), it.address(), it.handler(), List.of())
        : record;
  }

  private static boolean isOf(TraceRecord record, TraceKind kind) {
    return switch (record) {
      case TraceRecord.Instruction _ -> kind == TraceKind.INSTRUCTIONS;
      case TraceRecord.Branch _ -> kind == TraceKind.BRANCHES;
      case TraceRecord.Access _ -> kind == TraceKind.MEMORY;
      case TraceRecord.Delivered _ -> kind == TraceKind.INTERRUPTS;
      case TraceRecord.Call _ -> kind == TraceKind.CALLS;
      case TraceRecord.Port _ -> kind == TraceKind.PORTS;
      case TraceRecord.PageTable _ -> kind == TraceKind.CONTEXT;
      case TraceRecord.Entry _ -> kind == TraceKind.ENTRIES;
      case TraceRecord.Resumed _, TraceRecord.Left _ -> false;
    };
  }

  @Test
  void filtersGiveAPartOfTheWhole() {
    List<TraceRecord> all = flowOf(collect(TraceSelection.all()));
    long lastInstruction = all.getLast().at().instruction();
    for (int round = 0; round < 12; round++) {
      long a = random.nextLong(lastInstruction);
      long b = a + 1 + random.nextLong(lastInstruction - a);
      long count = 1 + random.nextLong(2 * (b - a));
      TreeSet<Long> places = new TreeSet<>();
      for (int i = 0; i < 2; i++) {
        places.add(all.get(random.nextInt(all.size())).at().rip());
      }
      TraceSelection.Range range = new TraceSelection.Range(places.first(), places.last());
      boolean ranged = random.nextBoolean();
      TraceSelection selection =
          new TraceSelection(
              EnumSet.allOf(TraceKind.class),
              random.nextBoolean() ? Set.of() : Set.of(0),
              ranged ? List.of(range) : List.of(),
              Set.of(),
              new TraceBound.Instruction(a),
              new TraceBound.Instruction(b),
              count);
      List<TraceRecord> wanted =
          all.stream()
              .filter(record -> record.at().instruction() >= a)
              .filter(record -> record.at().instruction() < Math.min(b, a + count))
              .filter(record -> !isDelivery(record))
              .filter(record -> !ranged || range.contains(record.at().rip()))
              .toList();
      List<TraceRecord> got = new ArrayList<>(flowOf(collect(selection)));
      got.removeIf(TraceReplayTest::isDelivery);
      assertThat(got).as("%s, seed %d", selection, seed).isEqualTo(wanted);
    }
  }

  /** An access of a delivery, which follows the place before which it came. */
  private static boolean isDelivery(TraceRecord record) {
    return record instanceof TraceRecord.Access it && it.at().nanos() != TracePosition.UNKNOWN;
  }

  @Test
  void executionPointsBoundATrace() {
    List<TraceRecord> all = collect(TraceSelection.all(TraceKind.INSTRUCTIONS));
    all.removeIf(record -> !(record instanceof TraceRecord.Instruction));
    for (int round = 0; round < 8; round++) {
      int a = random.nextInt(all.size());
      int b = a + random.nextInt(all.size() - a);
      TracePosition from = all.get(a).at();
      TracePosition to = all.get(b).at();
      List<TraceRecord> got =
          collect(
              new TraceSelection(
                  Set.of(TraceKind.INSTRUCTIONS),
                  Set.of(),
                  List.of(),
                  Set.of(),
                  new TraceBound.Point(from.branchCount(), from.rip()),
                  new TraceBound.Point(to.branchCount(), to.rip()),
                  Long.MAX_VALUE));
      got.removeIf(record -> !(record instanceof TraceRecord.Instruction));
      List<TraceRecord> wanted =
          all.subList(firstAt(all, from), Math.max(firstAt(all, from), firstAt(all, to)));
      assertThat(got).as("%s to %s, seed %d", from, to, seed).isEqualTo(wanted);
    }
  }

  /** A repeated string instruction begins with its first iteration. */
  private static int firstAt(List<TraceRecord> all, TracePosition at) {
    for (int i = 0; i < all.size(); i++) {
      TracePosition here = all.get(i).at();
      if (here.branchCount() == at.branchCount() && here.rip() == at.rip()) {
        return i;
      }
    }
    throw new AssertionError(at);
  }

  @Test
  void entriesAndTimesBoundATrace() {
    List<TraceRecord> all = collect(TraceSelection.all(TraceKind.ENTRIES, TraceKind.INTERRUPTS));
    List<TraceRecord.Entry> entries =
        all.stream()
            .filter(TraceRecord.Entry.class::isInstance)
            .map(TraceRecord.Entry.class::cast)
            .toList();
    assertThat(entries).hasSizeGreaterThan(3);
    assertThat(entries.getFirst().number()).isZero();
    TraceRecord.Entry middle = entries.get(entries.size() / 2);
    List<TraceRecord> rest = collect(bounded(new TraceBound.Entry(middle.number()), null));
    assertThat(rest).isEqualTo(all.subList(all.indexOf(middle), all.size()));
    long nanos = middle.at().nanos() + 1;
    List<TraceRecord> early = collect(bounded(null, new TraceBound.Time(nanos)));
    assertThat(early).isNotEmpty().isEqualTo(all.subList(0, early.size()));
    assertThat(early).allMatch(record -> record.at().nanos() < nanos);
  }

  private static TraceSelection bounded(@Nullable TraceBound from, @Nullable TraceBound to) {
    return new TraceSelection(
        Set.of(TraceKind.ENTRIES, TraceKind.INTERRUPTS),
        Set.of(),
        List.of(),
        Set.of(),
        from,
        to,
        Long.MAX_VALUE);
  }

  /** What {@link Guests} makes. */
  private static final class Guest {
    /** Everything that it writes lies below. */
    static final int BYTES = 0x30_0000;

    private static final int TABLES = 0x9000;
    private static final int TABLES_END = 0xd000;

    /** The page walk sets A and D bits, which are no stores of instructions. */
    static void forgetPageTables(byte[] memory) {
      Arrays.fill(memory, TABLES, TABLES_END, (byte) 0);
    }
  }
}

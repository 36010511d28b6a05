package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.softcpu.ExecutionObserver;
import dev.lockstep.vmm.trace.StepJournal.Step;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** System calls, interrupts, exceptions, ports and context switches of a trace are those that single steps of the same recording show. */
final class TraceEventTest {
  private static final int USER_READ_OF_NOTHING = 4;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private final TracedGuest guest = TracedGuest.random(random);
  private @Nullable RecordedGuest recorded;
  private List<Step> steps = List.of();

  @BeforeEach
  void record() throws Exception {
    System.out.println("TraceEventTest seed " + seed);
    recorded = RecordedGuest.record(guest.loader(), folder);
    steps = recorded.steps();
  }

  /** Records of one kind, with the filters given. */
  private <T extends TraceRecord> List<T> records(TraceKind kind, Class<T> type, Filter filter) {
    RecordedGuest of = recorded;
    if (of == null) {
      throw new IllegalStateException("not recorded");
    }
    TraceSelection selection =
        new TraceSelection(
            Set.of(kind), filter.rings, filter.ranges, filter.tables, null, null, Long.MAX_VALUE);
    List<T> records = new ArrayList<>();
    for (TraceRecord record : of.records(selection)) {
      records.add(type.cast(record));
    }
    return records;
  }

  /** Ring, address and page tables; empty for all. */
  private record Filter(Set<Integer> rings, List<TraceSelection.Range> ranges, Set<Long> tables)
      implements Predicate<Step> {
    @Override
    public boolean test(Step step) {
      return (rings.isEmpty() || rings.contains(step.ring()))
          && (ranges.isEmpty() || ranges.getFirst().contains(step.rip()))
          && (tables.isEmpty() || tables.contains(step.cr3()));
    }
  }

  private List<Filter> filters() {
    long a = steps.get(random.nextInt(steps.size())).rip();
    long b = steps.get(random.nextInt(steps.size())).rip();
    TraceSelection.Range range = new TraceSelection.Range(Math.min(a, b), Math.max(a, b));
    return List.of(
        new Filter(Set.of(), List.of(), Set.of()),
        new Filter(Set.of(3), List.of(), Set.of()),
        new Filter(Set.of(0), List.of(), Set.of()),
        new Filter(Set.of(), List.of(range), Set.of()),
        new Filter(Set.of(), List.of(), Set.of(TracedGuest.SECOND_CR3)),
        new Filter(Set.of(3), List.of(range), Set.of(TracedGuest.FIRST_CR3)));
  }

  private void isAt(TracePosition at, Step step) {
    assertThat(at.rip()).as("%s, seed %d", step, seed).isEqualTo(step.rip());
    assertThat(at.instruction()).isEqualTo(step.instruction());
    assertThat(at.branchCount()).isEqualTo(step.branchCount());
    assertThat(at.ring()).isEqualTo(step.ring());
    assertThat(at.nanos()).isEqualTo(step.nextNanos());
  }

  // ---------------------------------------------------------------- system calls

  private static boolean isSyscall(Step step) {
    return step.begins(0x0f, 0x05);
  }

  private static boolean isSoftwareInterrupt(Step step) {
    return step.begins(0xcd);
  }

  private static boolean isSysret(Step step) {
    return step.begins(0x48, 0x0f, 0x07);
  }

  /** Number or result, then arguments, of a Linux system call. */
  private static List<Long> callRegisters(long[] gpr) {
    return List.of(gpr[0], gpr[7], gpr[6], gpr[2], gpr[10], gpr[8], gpr[9]);
  }

  @Test
  void systemCalls() {
    for (Filter filter : filters()) {
      List<Step> wanted =
          steps.stream()
              .filter(step -> isSyscall(step) || isSoftwareInterrupt(step) || isSysret(step))
              .filter(filter)
              .toList();
      List<TraceRecord.Call> calls = records(TraceKind.CALLS, TraceRecord.Call.class, filter);
      assertThat(calls).as("%s, seed %d", filter, seed).hasSameSizeAs(wanted);
      for (int i = 0; i < wanted.size(); i++) {
        Step step = wanted.get(i);
        TraceRecord.Call call = calls.get(i);
        isAt(call.at(), step);
        if (isSysret(step)) {
          assertThat(call.kind()).isEqualTo(ExecutionObserver.Call.SYSRET);
          assertThat(call.registers()).isEqualTo(callRegisters(step.after()));
        } else {
          assertThat(call.kind())
              .isEqualTo(
                  isSyscall(step)
                      ? ExecutionObserver.Call.SYSCALL
                      : ExecutionObserver.Call.SOFTWARE_INTERRUPT);
          assertThat(call.registers()).isEqualTo(callRegisters(step.before()));
        }
        assertThat(call.vector()).isEqualTo(isSoftwareInterrupt(step) ? TracedGuest.SYSTEM : 0);
      }
    }
    assertThat(steps.stream().filter(TraceEventTest::isSyscall).count()).isGreaterThan(3);
    assertThat(steps.stream().filter(TraceEventTest::isSoftwareInterrupt).count())
        .isGreaterThanOrEqualTo(3);
    assertThat(steps).anyMatch(TraceEventTest::isSysret);
  }

  // ---------------------------------------------------------------- interrupts and exceptions

  /** By the handler, and by the instruction where two vectors have one handler. */
  private int vector(Step delivery) {
    if (delivery.nextRip() == guest.address("page_fault")) {
      return TracedGuest.PAGE_FAULT;
    }
    if (delivery.nextRip() == guest.address("timer")) {
      return TracedGuest.TIMER;
    }
    assertThat(delivery.nextRip()).isEqualTo(guest.address("skip_two"));
    boolean undefined = delivery.code()[0] == 0x0f && delivery.code()[1] == 0x0b;
    return undefined ? TracedGuest.UNDEFINED : TracedGuest.DIVIDE;
  }

  @Test
  void interruptsAndExceptions() {
    TreeSet<Integer> seen = new TreeSet<>();
    for (Filter filter : filters()) {
      List<Step> wanted = steps.stream().filter(Step::delivery).filter(filter).toList();
      List<TraceRecord.Delivered> deliveries =
          records(TraceKind.INTERRUPTS, TraceRecord.Delivered.class, filter);
      assertThat(deliveries).as("%s, seed %d", filter, seed).hasSameSizeAs(wanted);
      for (int i = 0; i < wanted.size(); i++) {
        Step step = wanted.get(i);
        TraceRecord.Delivered delivered = deliveries.get(i);
        int vector = vector(step);
        boolean pageFault = vector == TracedGuest.PAGE_FAULT;
        isAt(delivered.at(), step);
        assertThat(delivered.vector()).isEqualTo(vector);
        assertThat(delivered.kind())
            .isEqualTo(
                vector == TracedGuest.TIMER
                    ? ExecutionObserver.Delivered.INTERRUPT
                    : ExecutionObserver.Delivered.EXCEPTION);
        assertThat(delivered.handler()).isEqualTo(step.nextRip());
        assertThat(delivered.errorCode()).isEqualTo(pageFault ? USER_READ_OF_NOTHING : 0);
        assertThat(delivered.address()).isEqualTo(pageFault ? TracedGuest.ABSENT : 0);
        if (pageFault) {
          assertThat(step.cr2()).isEqualTo(TracedGuest.ABSENT);
        }
        seen.add(vector);
      }
    }
    assertThat(seen)
        .containsExactly(
            TracedGuest.DIVIDE, TracedGuest.UNDEFINED, TracedGuest.PAGE_FAULT, TracedGuest.TIMER);
    // In a program, and in the kernel that waits.
    for (int ring : new int[] {0, 3}) {
      assertThat(steps)
          .anyMatch(step ->
              step.delivery() && step.ring() == ring && step.nextRip() == guest.address("timer"));
    }
  }

  // ---------------------------------------------------------------- ports and context switches

  @Test
  void ports() {
    for (Filter filter : filters()) {
      List<Step> wanted = steps.stream().filter(step -> step.begins(0xe6)).filter(filter).toList();
      List<TraceRecord.Port> ports = records(TraceKind.PORTS, TraceRecord.Port.class, filter);
      assertThat(ports).as("%s, seed %d", filter, seed).hasSameSizeAs(wanted);
      for (int i = 0; i < wanted.size(); i++) {
        Step step = wanted.get(i);
        TraceRecord.Port port = ports.get(i);
        isAt(port.at(), step);
        assertThat(port.port()).isEqualTo(step.code()[1] & 0xff);
        assertThat(port.value()).isEqualTo((int) step.before()[0] & 0xff);
        assertThat(port.width()).isEqualTo(1);
        assertThat(port.write()).isTrue();
      }
    }
  }

  @Test
  void contextSwitchesPassWhateverRingAndAddressSay() {
    List<Step> switches = steps.stream().filter(step -> step.cr3() != step.nextCr3()).toList();
    assertThat(switches).hasSize(2);
    for (Filter filter :
        List.of(
            new Filter(Set.of(), List.of(), Set.of()),
            new Filter(
                Set.of(3),
                List.of(new TraceSelection.Range(0, 1)),
                Set.of(TracedGuest.SECOND_CR3)))) {
      List<TraceRecord.PageTable> found =
          records(TraceKind.CONTEXT, TraceRecord.PageTable.class, filter);
      assertThat(found).as("seed %d", seed).hasSize(2);
      for (int i = 0; i < 2; i++) {
        assertThat(found.get(i).from()).isEqualTo(switches.get(i).cr3());
        assertThat(found.get(i).to()).isEqualTo(switches.get(i).nextCr3());
        assertThat(found.get(i).at().rip()).isEqualTo(switches.get(i).nextRip());
        assertThat(found.get(i).at().instruction()).isEqualTo(switches.get(i).instruction() + 1);
      }
    }
    assertThat(
            records(
                TraceKind.CONTEXT,
                TraceRecord.PageTable.class,
                new Filter(Set.of(), List.of(), Set.of(0x5000L))))
        .isEmpty();
  }
}

package dev.lockstep.vmm.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.trace.StepJournal.Step;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What each filter lets through is what single steps of the same recording say. */
final class TraceFilterTest {
  private static final int ROUNDS = 6;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private final TracedGuest guest = TracedGuest.random(random);
  private @Nullable RecordedGuest recorded;

  /** Instructions alone. */
  private List<Step> steps = List.of();

  /** What of an instruction is compared. */
  private record Seen(long instruction, long branchCount, long rip, int ring) {}

  @BeforeEach
  void record() throws Exception {
    System.out.println("TraceFilterTest seed " + seed);
    recorded = RecordedGuest.record(guest.loader(), folder);
    steps = recorded.steps().stream().filter(step -> !step.delivery()).toList();
    assertThat(steps).hasSizeGreaterThan(1000);
  }

  private RecordedGuest recorded() {
    if (recorded == null) {
      throw new IllegalStateException("not recorded");
    }
    return recorded;
  }

  private void check(TraceSelection selection, Predicate<Step> wanted) {
    List<Seen> expected =
        steps.stream()
            .filter(wanted)
            .map(step -> new Seen(step.instruction(), step.branchCount(), step.rip(), step.ring()))
            .toList();
    List<Seen> found = new ArrayList<>();
    for (TraceRecord record : recorded().records(selection)) {
      if (record instanceof TraceRecord.Instruction it) {
        TracePosition at = it.at();
        found.add(new Seen(at.instruction(), at.branchCount(), at.rip(), at.ring()));
      }
    }
    String what = "%s, seed %d".formatted(selection, seed);
    for (int i = 0; i < Math.min(found.size(), expected.size()); i++) {
      assertThat(found.get(i)).as("%d of %s", i, what).isEqualTo(expected.get(i));
    }
    List<Seen> longer = found.size() > expected.size() ? found : expected;
    List<Seen> rest = longer.subList(Math.min(found.size(), expected.size()), longer.size());
    assertThat(rest).as("%s than expected: %s", longer == found ? "more" : "less", what).isEmpty();
  }

  private static TraceSelection select(
      Set<Integer> rings,
      List<TraceSelection.Range> addresses,
      Set<Long> pageTables,
      @Nullable TraceBound from,
      @Nullable TraceBound to,
      long count) {
    return new TraceSelection(
        Set.of(TraceKind.INSTRUCTIONS, TraceKind.BRANCHES),
        rings,
        addresses,
        pageTables,
        from,
        to,
        count);
  }

  @Test
  void withoutAFilterEverythingIsThere() {
    check(select(Set.of(), List.of(), Set.of(), null, null, Long.MAX_VALUE), step -> true);
    recorded().witness(recorded().records(TraceSelection.all()));
  }

  @Test
  void rings() {
    for (Set<Integer> rings : List.of(Set.of(0), Set.of(3), Set.of(0, 3), Set.of(1, 2))) {
      check(
          select(rings, List.of(), Set.of(), null, null, Long.MAX_VALUE),
          step -> rings.contains(step.ring()));
    }
    assertThat(steps).anyMatch(step -> step.ring() == 0).anyMatch(step -> step.ring() == 3);
  }

  @Test
  void processes() {
    long first = TracedGuest.FIRST_CR3;
    long second = TracedGuest.SECOND_CR3;
    for (Set<Long> tables :
        List.of(Set.of(first), Set.of(second), Set.of(first, second), Set.of(0x5000L))) {
      check(
          select(Set.of(), List.of(), tables, null, null, Long.MAX_VALUE),
          step -> tables.contains(step.cr3()));
    }
    // PCD and PWT are no part of the address (Intel SDM vol. 3A table 4-12).
    check(
        select(Set.of(), List.of(), Set.of(second | 0x18), null, null, Long.MAX_VALUE),
        step -> step.cr3() == second);
    assertThat(steps).anyMatch(step -> step.cr3() == first).anyMatch(step -> step.cr3() == second);
  }

  @Test
  void addresses() {
    TraceSelection.Range kernel =
        new TraceSelection.Range(guest.address("work"), guest.address("first") - 1);
    TraceSelection.Range leaf =
        TraceSelection.Range.parse("%#x+1".formatted(guest.address("leaf")));
    check(
        select(Set.of(), List.of(kernel, leaf), Set.of(), null, null, Long.MAX_VALUE),
        step -> kernel.contains(step.rip()) || step.rip() == guest.address("leaf"));
    for (int round = 0; round < ROUNDS; round++) {
      TraceSelection.Range range = range();
      check(
          select(Set.of(), List.of(range), Set.of(), null, null, Long.MAX_VALUE),
          step -> step.rip() >= range.first() && step.rip() <= range.last());
    }
  }

  /** Between two places that are executed. */
  private TraceSelection.Range range() {
    long a = steps.get(random.nextInt(steps.size())).rip();
    long b = steps.get(random.nextInt(steps.size())).rip();
    return new TraceSelection.Range(Math.min(a, b), Math.max(a, b));
  }

  @Test
  void times() {
    for (int round = 0; round < ROUNDS; round++) {
      long a = time();
      long b = time();
      long from = Math.min(a, b);
      long to = Math.max(a, b) + 1;
      check(
          select(Set.of(), List.of(), Set.of(), bound(from), bound(to), Long.MAX_VALUE),
          step -> step.nanos() >= from && step.nanos() < to);
    }
  }

  @Test
  void aTimeFromTheBeginningHasTheFirstInstruction() {
    check(
        select(Set.of(), List.of(), Set.of(), bound(0), bound(1), Long.MAX_VALUE),
        step -> step.nanos() == 0);
    assertThat(steps.getFirst().nanos()).isZero();
  }

  @Test
  void accessesAreThoseOfTheInstructionsInTheWindow() {
    List<TraceRecord.Access> all = accesses(null, null);
    assertThat(all.getFirst().at().instruction()).isZero();
    for (int round = 0; round < ROUNDS; round++) {
      long a = time();
      long b = time();
      long from = round == 0 ? 0 : Math.min(a, b);
      long to = Math.max(a, b) + 1;
      List<TraceRecord.Access> wanted =
          all.stream()
              .filter(access -> {
                long begun = steps.get((int) access.at().instruction()).nanos();
                return begun >= from && begun < to;
              })
              .toList();
      assertThat(accesses(bound(from), bound(to)))
          .as("%d to %d, seed %d", from, to, seed)
          .isEqualTo(wanted);
    }
  }

  /** Those of instructions. */
  private List<TraceRecord.Access> accesses(@Nullable TraceBound from, @Nullable TraceBound to) {
    TraceSelection selection =
        new TraceSelection(
            Set.of(TraceKind.MEMORY), Set.of(), List.of(), Set.of(), from, to, Long.MAX_VALUE);
    List<TraceRecord.Access> accesses = new ArrayList<>();
    for (TraceRecord record : recorded().records(selection)) {
      if (record instanceof TraceRecord.Access it && it.at().nanos() == TracePosition.UNKNOWN) {
        accesses.add(it);
      }
    }
    return accesses;
  }

  /** One at which an instruction begins, or near it. */
  private long time() {
    return steps.get(random.nextInt(steps.size())).nanos() + random.nextInt(3) - 1;
  }

  /** As a user writes it. */
  private static TraceBound bound(long nanos) {
    return TraceBound.parse("time:" + BigDecimal.valueOf(Math.max(0, nanos), 9).toPlainString());
  }

  @Test
  void counts() {
    for (int round = 0; round < ROUNDS; round++) {
      long from = random.nextInt(steps.size());
      long count = 1 + random.nextInt(steps.size());
      check(
          select(Set.of(), List.of(), Set.of(), new TraceBound.Instruction(from), null, count),
          step -> step.instruction() >= from && step.instruction() < from + count);
    }
  }

  @Test
  void executionPoints() {
    for (int round = 0; round < ROUNDS; round++) {
      Step a = steps.get(random.nextInt(steps.size()));
      Step b = steps.get(random.nextInt(steps.size()));
      Step from = a.instruction() < b.instruction() ? a : b;
      Step to = from == a ? b : a;
      check(
          select(Set.of(), List.of(), Set.of(), point(from), point(to), Long.MAX_VALUE),
          step -> isFrom(step, from) && !isFrom(step, to));
    }
  }

  private static TraceBound point(Step step) {
    return TraceBound.parse("%d@%#x".formatted(step.branchCount(), step.rip()));
  }

  /** Whether a step is not before a point, which of a repeated string instruction is the first iteration. */
  private boolean isFrom(Step step, Step point) {
    long first = point.instruction();
    while (first > 0
        && steps.get((int) first - 1).branchCount() == point.branchCount()
        && steps.get((int) first - 1).rip() == point.rip()) {
      first--;
    }
    return step.instruction() >= first;
  }

  @Test
  void allTogether() {
    int passed = 0;
    for (int round = 0; round < 4 * ROUNDS; round++) {
      Set<Integer> rings = random.nextBoolean() ? Set.of() : Set.of(3 * random.nextInt(2));
      Set<Long> tables =
          random.nextBoolean()
              ? Set.of()
              : Set.of(random.nextBoolean() ? TracedGuest.FIRST_CR3 : TracedGuest.SECOND_CR3);
      List<TraceSelection.Range> ranges = random.nextBoolean() ? List.of() : List.of(range());
      int first = random.nextInt(steps.size());
      boolean byTime = random.nextBoolean();
      long start = steps.get(first).nanos();
      long count = 1 + random.nextInt(steps.size());
      Predicate<Step> begun =
          byTime ? step -> step.nanos() >= start : step -> step.instruction() >= first;
      long begins =
          steps.stream().filter(begun).findFirst().map(Step::instruction).orElse(Long.MAX_VALUE);
      Predicate<Step> wanted =
          step ->
              begun.test(step)
                  && step.instruction() - begins < count
                  && (rings.isEmpty() || rings.contains(step.ring()))
                  && (tables.isEmpty() || tables.contains(step.cr3()))
                  && (ranges.isEmpty() || ranges.getFirst().contains(step.rip()));
      passed += steps.stream().anyMatch(wanted) ? 1 : 0;
      check(
          select(
              rings,
              ranges,
              tables,
              byTime ? bound(start) : new TraceBound.Instruction(first),
              null,
              count),
          wanted);
    }
    assertThat(passed).as("rounds that leave something, seed %d", seed).isGreaterThan(ROUNDS);
  }
}

package dev.lockstep.vmm.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The test of save and restore that every device passes: a script is run through once; then again
 * for each of its steps, with everything saved there and restored into fresh devices, and the rest
 * must go exactly the same way. Saving itself must change nothing.
 */
public final class Continuations {
  private Continuations() {}

  /** Checks a script, each step of which gives what it saw. */
  public static void check(Supplier<Bench> fresh, List<Function<Bench, Object>> script) {
    Bench reference = fresh.get();
    List<String> expected = run(reference, script, 0, false);
    List<byte[]> end = reference.save();
    Bench saving = fresh.get();
    assertThat(run(saving, script, 0, true)).as("saving changes nothing").isEqualTo(expected);
    for (int step = 0; step <= script.size(); step++) {
      Bench first = fresh.get();
      run(first, script.subList(0, step), 0, false);
      List<byte[]> states = first.save();
      Bench second = fresh.get();
      second.now = first.now;
      second.restore(states);
      assertSame(second, states, "restored at step %d".formatted(step));
      assertThat(run(second, script, step, false))
          .as("continued from step %d", step)
          .isEqualTo(expected.subList(step, expected.size()));
      assertSame(second, end, "at the end, continued from step %d".formatted(step));
    }
  }

  private static void assertSame(Bench bench, List<byte[]> states, String when) {
    for (int i = 0; i < states.size(); i++) {
      assertThat(bench.devices.get(i).save().differences(DeviceState.decode(states.get(i))))
          .as(when)
          .isEmpty();
    }
  }

  private static List<String> run(
      Bench bench, List<Function<Bench, Object>> script, int from, boolean saving) {
    List<String> seen = new ArrayList<>();
    for (int i = from; i < script.size(); i++) {
      Object result = script.get(i).apply(bench);
      String effects = bench.effects.toString();
      bench.effects.setLength(0);
      seen.add(
          "%d: %s, %s, interrupt %b, deadline %d"
              .formatted(i, result, effects, bench.pic.interruptPending(), bench.nextDeadline()));
      if (saving) {
        bench.save();
      }
    }
    return seen;
  }

  /** A step that writes a port. */
  public static Function<Bench, Object> out(int port, int value) {
    return bench -> {
      bench.out(port, value);
      return "out";
    };
  }

  /** A step that reads a port. */
  public static Function<Bench, Object> in(int port) {
    return bench -> bench.in(port);
  }

  /** A step in which time passes. */
  public static Function<Bench, Object> pass(long nanos) {
    return bench -> {
      bench.pass(nanos);
      return "passed";
    };
  }

  /** A step in which the CPU takes what is pending. */
  public static Function<Bench, Object> interrupts() {
    return Bench::takeInterrupts;
  }
}

package dev.lockstep.vmm.inspect;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.ReplayTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds the first execution point at which two executions differ: by halving the branch counts between the last at which they
 * were seen to agree and the first at which they were seen to differ, then by halving the steps between these two.
 *
 * <p>States are compared by the digests of registers, devices (with virtual time) and memory. What has become different
 * is taken to stay different, up to {@code last}; where it does not, the point that is found is one at which the executions part, but perhaps not the first.
 *
 * <p>Executions are led on from where they last agreed, so that all probes together cost about as much as running through
 * twice.
 */
public final class Bisection {
  private static final long MAX_STEPS = 1L << 24;

  /** What of two machines must be the same. */
  public enum Compared {
    /** Point, registers, devices with virtual time, memory. */
    ALL,
    /** Point, registers and memory: of runs that began at different times of day, which their devices show. */
    ALL_BUT_DEVICES
  }

  private final Execution first;
  private final Execution second;
  private final Compared compared;
  private int probes;

  /** Of two executions. */
  public Bisection(Execution first, Execution second, Compared compared) {
    this.first = first;
    this.second = second;
    this.compared = compared;
  }

  /**
   * The first difference.
   *
   * @param agreed the first execution at the last point at which both are the same; null if they differ from the start
   * @param first the first execution where they differ
   * @param second the other one there
   * @param count the last branch count at whose first boundary they are the same
   * @param steps from that boundary to where they differ
   * @param differences what differs
   */
  public record Difference(
      @Nullable MachineView agreed,
      MachineView first,
      MachineView second,
      long count,
      long steps,
      List<String> differences) {
    public Difference {
      differences = List.copyOf(differences);
    }
  }

  /** Two executions led to the same place. */
  private record Pair(MachineView first, MachineView second, List<String> differences) {
    boolean agrees() {
      return differences.isEmpty();
    }
  }

  /** How often both were led somewhere. */
  public int probes() {
    return probes;
  }

  /**
   * Looks for it.
   *
   * @param start branch count at which both logs begin
   * @param last branch count up to which to look
   * @return empty if both are the same at {@code last}
   */
  public Optional<Difference> find(long start, long last) {
    Pair beginning = probe(new ReplayTarget.Count(start), true);
    if (!beginning.agrees()) {
      return Optional.of(difference(null, beginning, start, 0));
    }
    Pair differing = probe(new ReplayTarget.Count(last), false);
    if (differing.agrees()) {
      return Optional.empty();
    }
    MachineView agreed = beginning.first();
    long low = start;
    long high = last;
    while (high - low > 1) {
      long middle = low + (high - low) / 2;
      Pair pair = probe(new ReplayTarget.Count(middle), true);
      if (pair.agrees()) {
        low = middle;
        agreed = pair.first();
      } else {
        high = middle;
        differing = pair;
      }
    }
    return Optional.of(bySteps(low, agreed));
  }

  /** Between a count at whose first boundary both agree and the next, where they do not. */
  private Difference bySteps(long count, MachineView from) {
    MachineView agreed = from;
    long low = 0;
    long high = 0;
    Pair differing = null;
    for (long steps = 1; differing == null && steps <= MAX_STEPS; steps *= 2) {
      Pair pair = probe(new ReplayTarget.Steps(count, steps), false);
      if (pair.agrees()) {
        low = steps;
        agreed = pair.first();
      } else {
        high = steps;
        differing = pair;
      }
    }
    Pair found = Objects.requireNonNull(differing, "no step differs, though the next count does");
    while (high - low > 1) {
      long middle = low + (high - low) / 2;
      Pair pair = probe(new ReplayTarget.Steps(count, middle), false);
      if (pair.agrees()) {
        low = middle;
        agreed = pair.first();
      } else {
        high = middle;
        found = pair;
      }
    }
    return difference(agreed, found, count, high);
  }

  private static Difference difference(
      @Nullable MachineView agreed, Pair pair, long count, long steps) {
    return new Difference(agreed, pair.first(), pair.second(), count, steps, pair.differences());
  }

  /**
   * Leads both to a place.
   *
   * @param keep whether to lead them on from there if they agree
   */
  private Pair probe(ReplayTarget target, boolean keep) {
    probes++;
    try (Execution.Stand one = first.lead(target);
        Execution.Stand other = second.lead(target)) {
      Pair pair = new Pair(one.view(), other.view(), differences(one, other));
      if (keep && pair.agrees()) {
        one.keep();
        other.keep();
      }
      return pair;
    }
  }

  private List<String> differences(Execution.Stand one, Execution.Stand other) {
    List<String> found = new ArrayList<>();
    ExecutionPoint here = one.view().at().point();
    ExecutionPoint there = other.view().at().point();
    if (!here.equals(there)) {
      found.add("point %s / %s".formatted(here, there));
    }
    found.addAll(looked(one).differences(looked(other)));
    if (!Objects.equals(one.failure(), other.failure())) {
      found.add("the run %s / %s".formatted(came(one), came(other)));
    }
    return found;
  }

  private MachineDigest looked(Execution.Stand stand) {
    MachineDigest whole = stand.view().digest();
    return compared == Compared.ALL
        ? whole
        : new MachineDigest(whole.registers(), 0, whole.memory(), whole.disks());
  }

  private static String came(Execution.Stand stand) {
    String failure = stand.failure();
    return failure == null ? "came there" : failure;
  }
}

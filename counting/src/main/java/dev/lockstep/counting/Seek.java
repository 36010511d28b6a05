package dev.lockstep.counting;

import dev.lockstep.counting.SeekResult.Missed;
import dev.lockstep.counting.SeekResult.Reached;
import dev.lockstep.counting.SeekResult.Refused;
import dev.lockstep.counting.SeekResult.Why;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import org.jspecify.annotations.Nullable;

/**
 * One way to one point, which must lie at or ahead of where the guest stands. Call {@link #advance} until it says something else than {@link SeekResult.Exited}.
 *
 * <p><b>Far</b>, while more than two margins remain: the overflow is armed one margin before the target, and the guest runs free. <b>Near</b>: a breakpoint on the target's RIP, each hit compared with the point; an overflow
 * just behind the target, so that the guest never runs away. <b>Steps</b> where the host has no breakpoint, off the target's RIP, and inside a repeated string instruction, by RCX.
 *
 * <p>Under {@link BranchSemantics#CONDITIONAL} a point is by definition the first boundary of its name, so the stretch of equal count that it lies in must be watched from its beginning: landing in it by the overflow is an
 * overshoot, even if a boundary of that name still follows.
 */
public final class Seek {
  /** Interruptions in a row with an unmoved count, after which the counter is taken to have stopped. A burst of late signals is far shorter. */
  static final int MAX_IDLE_INTERRUPTIONS = 64;

  /** Steps and breakpoint hits in a row with an unmoved count. No guest executes as many instructions without a branch, unless it loops without one. */
  static final int MAX_IDLE_STOPS = 1 << 20;

  private static final String RETRY =
      "Restore the last checkpoint before the point and seek again: the margin is larger now.";

  private final SeekableVcpu vcpu;
  private final ExecutionPoint target;
  private final SkidPolicy policy;
  private final boolean unique;

  private boolean started;
  private boolean done;
  private boolean breakpointTried;
  private boolean breaks;

  /** The count was at most one less than the target's when the guest was last watched, so its stretch is known from its beginning. */
  private boolean watched = true;

  private long armedAt = Long.MAX_VALUE;
  private long lastCount;
  private long lastRip;
  private long lastRcx;
  private int idleInterruptions;
  private int idleStops;
  private long stops;
  private long farRuns;

  /**
   * @param vcpu owned by the calling thread
   * @param target ahead of or at where the vCPU stands, named by the same semantics
   * @param policy the vCPU's
   */
  public Seek(SeekableVcpu vcpu, ExecutionPoint target, SkidPolicy policy) {
    this.vcpu = vcpu;
    this.target = target;
    this.policy = policy;
    this.unique = vcpu.branchSemantics() == BranchSemantics.ALL_TRANSFERS;
  }

  /** Times that the vCPU was run or stepped so far. */
  public long stops() {
    return stops;
  }

  /** Free runs to an overflow one margin before the point so far. */
  public long farRuns() {
    return farRuns;
  }

  /**
   * Goes on to the point.
   *
   * @throws IllegalStateException after anything but {@link SeekResult.Exited} was returned
   */
  public SeekResult advance() {
    if (done) {
      throw new IllegalStateException("the seek to " + target + " is over");
    }
    SeekResult result = started ? go() : begin();
    if (!(result instanceof SeekResult.Exited)) {
      done = true;
      vcpu.clearBreakpoint();
    }
    return result;
  }

  private SeekResult begin() {
    started = true;
    if (!unique && target.digest() == 0) {
      return new Refused(
          "%s has no register digest, so conditional branches alone do not name one moment"
              .formatted(target),
          "Name points by what Naming returns.");
    }
    lastCount = vcpu.branchCount();
    if (lastCount > target.branchCount()) {
      return new Missed(Why.BEHIND, vcpu.point(), "Restore a checkpoint before the point.");
    }
    return go();
  }

  private SeekResult go() {
    while (true) {
      Stop stop;
      if (vcpu.midInstruction()) {
        stop = vcpu.step();
        stops++;
      } else {
        SeekResult result = look();
        if (result != null) {
          return result;
        }
        stop = move();
        stops++;
      }
      SeekResult result = judge(stop);
      if (result != null) {
        return result;
      }
    }
  }

  /** What the boundary means at which the guest stands; null to go on. */
  private @Nullable SeekResult look() {
    long count = vcpu.branchCount();
    SeekResult missed = passed(count);
    if (missed != null) {
      return missed;
    }
    return count == target.branchCount()
            && vcpu.rip() == target.rip()
            && vcpu.rcx() == target.rcx()
            && (unique || vcpu.registerDigest() == target.digest())
        ? Reached.REACHED
        : null;
  }

  /** Null unless the point is behind the guest, or may be. */
  private @Nullable SeekResult passed(long count) {
    long wanted = target.branchCount();
    if (count > wanted && watched) {
      return new Missed(
          Why.ABSENT,
          vcpu.point(),
          "The executions differ: compare them from the last digest that agrees.");
    }
    return count > wanted || count == wanted && !watched && !unique ? overshot(count) : null;
  }

  private SeekResult overshot(long count) {
    String change = policy.overshot(count - armedAt);
    return new Missed(Why.OVERSHOT, vcpu.point(), change + ". " + RETRY);
  }

  private Stop move() {
    long count = vcpu.branchCount();
    long remaining = target.branchCount() - count;
    long margin = policy.margin();
    if (remaining > 2 * margin) {
      vcpu.clearBreakpoint();
      breakpointTried = false;
      watched = false;
      farRuns++;
      armedAt = target.branchCount() - margin;
      return vcpu.runFree(armedAt);
    }
    watched |= remaining > 0;
    return near(count);
  }

  private Stop near(long count) {
    if (!breakpointTried) {
      breakpointTried = true;
      breaks = vcpu.setBreakpoint(target.rip());
    }
    if (vcpu.rip() == target.rip()) {
      boolean ahead = Long.compareUnsigned(vcpu.rcx(), target.rcx()) > 0;
      return count == target.branchCount() && ahead ? vcpu.stepRepeat(target.rcx()) : vcpu.step();
    }
    // The guard: without it a guest that never comes by here again would run for ever.
    return breaks ? vcpu.runFree(target.branchCount() + 1) : vcpu.step();
  }

  /** An exit goes to the caller; a count that does not behave ends the seek. */
  private @Nullable SeekResult judge(Stop stop) {
    long count = vcpu.branchCount();
    if (stop instanceof Stop.Exit exit) {
      // An exit behind the point is not the machine's to answer: it belongs to a future that will
      // be undone.
      SeekResult missed = passed(count);
      return missed != null ? missed : new SeekResult.Exited(exit.exit());
    }
    if (count < lastCount) {
      return new Refused(
          "the counter went back from %,d to %,d".formatted(lastCount, count),
          "Run lockstep doctor --calibrate; replay with --engine soft.");
    }
    if (count > lastCount) {
      lastCount = count;
      idleInterruptions = 0;
      idleStops = 0;
      return null;
    }
    boolean interrupted = stop == Stop.Paused.INTERRUPTED;
    if (!interrupted && iterated()) {
      return null;
    }
    idleInterruptions += interrupted ? 1 : 0;
    idleStops += interrupted ? 0 : 1;
    if (idleInterruptions < MAX_IDLE_INTERRUPTIONS && idleStops < MAX_IDLE_STOPS) {
      return null;
    }
    return new Refused(
        "the count has stayed at %,d for %,d interruptions and %,d steps: the counter has stopped, or the guest loops without a branch that it counts"
            .formatted(count, idleInterruptions, idleStops),
        "Run lockstep doctor --calibrate; replay with --engine soft.");
  }

  /** An iteration of a repeated string instruction: it comes to its end without any branch, however many there are. */
  private boolean iterated() {
    long rip = vcpu.rip();
    long rcx = vcpu.rcx();
    boolean iterated = rip == lastRip && rcx != lastRcx;
    lastRip = rip;
    lastRcx = rcx;
    return iterated;
  }
}

package dev.lockstep.vmm.machine;

import dev.lockstep.counting.HardwareCountedVcpu;
import dev.lockstep.counting.anchor.AnchoredVcpu;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.vmm.time.AnchorPacer;
import dev.lockstep.vmm.time.BranchPacer;
import dev.lockstep.vmm.time.Pacer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * At which boundaries a live machine has a name for its moment, by which every other execution finds it, and how the guest comes to one. What a log tells of happens there and nowhere else, unless the log says that it is not
 * certain any further. The vCPU's thread.
 */
sealed interface NamedBoundaries {
  /** What those of a vCPU are. */
  static NamedBoundaries of(Vcpu vcpu, VcpuRunner runner) {
    if (vcpu instanceof AnchoredVcpu it) {
      return new AtAnchors(it, runner);
    }
    return vcpu.branchSemantics() == BranchSemantics.CONDITIONAL
        ? new FirstOfCount(vcpu, runner)
        : new Everywhere(runner);
  }

  /** Whether the boundary at which the guest stands is one. The start of a log is. */
  boolean isNamed();

  /** Whether an interrupt could be delivered where the guest stands, named or not. */
  boolean isOpen();

  /** Takes the boundary for a named one, though no other execution may find it. The owner has said so in its log. */
  void makeDo();

  /**
   * Runs to a named boundary, of at least that count if nothing else stops the guest. Comes back at one without a name if there is none for long.
   *
   * @param limitCount ahead of where the guest stands
   */
  void run(long limitCount);

  /** How often the vCPU came too late for what was wanted, so that a timer may have fired late; never less than before. */
  long overshoots();

  /** How far ahead of what is wanted the vCPU looks out now, in branches; 0 if it is never late. */
  long margin();

  /** What keeps virtual time near the host's. */
  Pacer pacer();

  /** A measure of the work that the guest has done, where its counts are none; else null. */
  @Nullable LongSupplier work();

  /** {@link #work}, or the count where that is one. */
  long workDone();

  /** How much of it was done since the guest came by the last boundary whose name is an exit's number; 0 where names are no such numbers. */
  long workSinceNamed();

  /** Every boundary has a name of its own. */
  final class Everywhere implements NamedBoundaries {
    private final VcpuRunner runner;

    private Everywhere(VcpuRunner runner) {
      this.runner = runner;
    }

    @Override
    public boolean isNamed() {
      return true;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void makeDo() {}

    @Override
    public void run(long limitCount) {
      runner.run(limitCount);
    }

    @Override
    public long overshoots() {
      return 0;
    }

    @Override
    public long margin() {
      return 0;
    }

    @Override
    public Pacer pacer() {
      return BranchPacer.withFrequentBoundaries();
    }

    @Override
    public @Nullable LongSupplier work() {
      return null;
    }

    @Override
    public long workDone() {
      return 0;
    }

    @Override
    public long workSinceNamed() {
      return 0;
    }
  }

  /** Those just behind an exit of the guest's. */
  final class AtAnchors implements NamedBoundaries {
    private final AnchoredVcpu vcpu;
    private final VcpuRunner runner;

    /** The guest stands where its owner has made do. */
    private boolean nameless;

    private AtAnchors(AnchoredVcpu vcpu, VcpuRunner runner) {
      this.vcpu = vcpu;
      this.runner = runner;
    }

    @Override
    public boolean isNamed() {
      return vcpu.isAtAnchor();
    }

    @Override
    public boolean isOpen() {
      return vcpu.isOpen();
    }

    @Override
    public void makeDo() {
      nameless = true;
      vcpu.makeDo();
    }

    @Override
    public void run(long limitCount) {
      nameless = false;
      runner.run(limitCount);
    }

    @Override
    public long overshoots() {
      return 0;
    }

    @Override
    public long margin() {
      return 0;
    }

    @Override
    public Pacer pacer() {
      return new AnchorPacer();
    }

    @Override
    public LongSupplier work() {
      return vcpu::work;
    }

    @Override
    public long workDone() {
      return vcpu.work();
    }

    @Override
    public long workSinceNamed() {
      return nameless ? vcpu.workSinceAnchor() : 0;
    }
  }

  /**
   * Conditional branches alone are counted, so a name belongs to the first boundary that bears it. The first boundary of a count is certainly that, and the guest comes to it by a deadline; a halted guest's is told apart by
   * virtual time. One that was kicked may stand anywhere, and is stepped over its next branch.
   */
  final class FirstOfCount implements NamedBoundaries {
    /** Steps without a counted branch after which the guest is left where it is: some tens of milliseconds on hardware. */
    private static final int PATIENCE_STEPS = 1 << 14;

    /** The same of iterations of repeated string instructions, which come to an end. */
    private static final int PATIENCE_ITERATIONS = 1 << 20;

    private final Vcpu vcpu;
    private final VcpuRunner runner;
    private final @Nullable HardwareCountedVcpu hardware;
    private boolean named = true;

    private FirstOfCount(Vcpu vcpu, VcpuRunner runner) {
      this.vcpu = vcpu;
      this.runner = runner;
      this.hardware = vcpu instanceof HardwareCountedVcpu it ? it : null;
    }

    @Override
    public boolean isNamed() {
      return named;
    }

    @Override
    public boolean isOpen() {
      return vcpu.interruptible();
    }

    @Override
    public void makeDo() {
      named = true;
    }

    @Override
    public void run(long limitCount) {
      VcpuRunner.Stop stop = named ? runner.run(limitCount) : VcpuRunner.Stop.KICKED;
      if (stop == VcpuRunner.Stop.KICKED) {
        stop = overNextBranch();
      }
      named = stop != VcpuRunner.Stop.KICKED;
    }

    private VcpuRunner.Stop overNextBranch() {
      ExecutionPoint at = vcpu.point();
      int steps = 0;
      int iterations = 0;
      while (steps < PATIENCE_STEPS && iterations < PATIENCE_ITERATIONS) {
        if (!runner.step()) {
          return runner.endReason() != null ? VcpuRunner.Stop.ENDED : VcpuRunner.Stop.HALTED;
        }
        ExecutionPoint now = vcpu.point();
        if (now.branchCount() > at.branchCount()) {
          // Lets happen what happens at the first boundary of a count before anybody may look.
          return runner.run(now.branchCount());
        }
        boolean iterated = now.rip() == at.rip() && now.rcx() != at.rcx();
        iterations += iterated ? 1 : 0;
        steps += iterated ? 0 : 1;
        at = now;
      }
      return VcpuRunner.Stop.KICKED;
    }

    @Override
    public long overshoots() {
      HardwareCountedVcpu it = hardware;
      return it == null ? 0 : it.overshoots();
    }

    @Override
    public long margin() {
      HardwareCountedVcpu it = hardware;
      return it == null ? 0 : it.margin();
    }

    /** To find a boundary again costs a hardware counter far more than to run on. */
    @Override
    public Pacer pacer() {
      return hardware == null
          ? BranchPacer.withFrequentBoundaries()
          : BranchPacer.withRareBoundaries();
    }

    @Override
    public @Nullable LongSupplier work() {
      return null;
    }

    @Override
    public long workDone() {
      return vcpu.branchCount();
    }

    @Override
    public long workSinceNamed() {
      return 0;
    }
  }
}

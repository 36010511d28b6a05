package dev.lockstep.softcpu;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.DebuggableVcpu;
import dev.lockstep.engine.ExactVcpu;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.PointMark;
import dev.lockstep.engine.TimeStampCounter;
import dev.lockstep.engine.VcpuExit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The software CPU as an engine: runs anywhere, counts exactly, stops anywhere.
 *
 * <p>While the vCPU stands on an instruction that waits for an answer ({@link VcpuExit.PortRead} and its like), {@link #interruptible()} is false, and the next run completes that instruction before
 * it looks at injected events and limits.
 */
public final class SoftVcpu implements ExactVcpu, DebuggableVcpu {
  private static final long FLAG_IF = 1 << 9;

  private final Cpu c;
  private final Interpreter interpreter;
  private final Events events;
  private final StateCopy stateCopy;
  private final BranchSemantics semantics;
  private boolean windowWanted;

  private SoftVcpu(Cpu c, BranchSemantics semantics, Interpreter interpreter) {
    this.c = c;
    this.interpreter = interpreter;
    this.events = new Events(c);
    this.stateCopy = new StateCopy(c);
    this.semantics = semantics;
  }

  /**
   * Makes a vCPU in real mode's reset state, which must be replaced by {@link #setState} before the first run.
   *
   * @param model the CPU that the guest sees
   * @param memory the guest's memory; the vCPU becomes its observer
   * @param tsc where RDTSC reads, if the model has it
   * @param semantics what {@link #branchCount} counts
   */
  public static SoftVcpu create(
      CpuModel model, GuestMemory memory, TimeStampCounter tsc, BranchSemantics semantics) {
    return create(model, memory, tsc, semantics, Translation.configured());
  }

  /** The same, with a say in when code is translated. */
  public static SoftVcpu create(
      CpuModel model,
      GuestMemory memory,
      TimeStampCounter tsc,
      BranchSemantics semantics,
      Translation translation) {
    Cpu c = new Cpu(model, memory, tsc, semantics);
    return new SoftVcpu(c, semantics, new Interpreter(c, translation));
  }

  /** The same, profiled: counts into a tally what it executes. Cannot be observed. */
  public static SoftVcpu create(
      CpuModel model,
      GuestMemory memory,
      TimeStampCounter tsc,
      BranchSemantics semantics,
      Translation translation,
      ExecutionTally tally) {
    Cpu c = new Cpu(model, memory, tsc, semantics);
    return new SoftVcpu(c, semantics, ProfiledInterpreter.create(c, translation, tally));
  }

  @Override
  public CpuModel model() {
    return c.model;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return semantics;
  }

  @Override
  public VcpuExit run(long limitCount) {
    VcpuExit exit = resume();
    while (exit == null) {
      exit = boundary();
      if (exit != null) {
        break;
      }
      exit = limits(limitCount);
      if (exit == null) {
        exit = execute(limitCount);
      }
    }
    return exit;
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    VcpuExit exit = resume();
    while (exit == null) {
      exit = c.exits.nextPosted();
      if (exit != null) {
        break;
      }
      if (c.branchCount == target.branchCount() && standsAt(target)) {
        return VcpuExit.PointReached.POINT_REACHED;
      }
      if (c.branchCount > target.branchCount()) {
        return VcpuExit.PointMissed.POINT_MISSED;
      }
      if (c.shutdown) {
        return VcpuExit.Shutdown.SHUTDOWN;
      }
      if (events.deliverOne()) {
        continue;
      }
      exit = limits(Long.MAX_VALUE);
      if (exit == null) {
        boolean near = c.branchCount == target.branchCount();
        exit = near ? interpreter.oneUnlessStopped() : execute(target.branchCount());
      }
    }
    return exit;
  }

  @Override
  public VcpuExit step() {
    boolean open = c.exits.open();
    VcpuExit exit = resume();
    if (exit == null) {
      exit = c.exits.nextPosted();
    }
    if (exit != null) {
      return exit;
    }
    if (c.shutdown) {
      return VcpuExit.Shutdown.SHUTDOWN;
    }
    if (open) {
      // The completion of the instruction that waited is the step.
      return VcpuExit.Stepped.STEPPED;
    }
    if (events.deliverOne()) {
      return c.shutdown ? VcpuExit.Shutdown.SHUTDOWN : VcpuExit.Stepped.STEPPED;
    }
    if (c.halted) {
      return VcpuExit.Halt.HALT;
    }
    return stepped(interpreter.one());
  }

  /** What a step that executed an instruction exits with. */
  private VcpuExit stepped(@Nullable VcpuExit thrown) {
    VcpuExit exit = thrown == null ? c.exits.nextPosted() : thrown;
    if (exit != null) {
      return exit;
    }
    if (c.halted) {
      return VcpuExit.Halt.HALT;
    }
    return c.shutdown ? VcpuExit.Shutdown.SHUTDOWN : VcpuExit.Stepped.STEPPED;
  }

  /** Completes what the last exit left open. */
  private @Nullable VcpuExit resume() {
    if (c.mode == CodeMode.REAL) {
      c.mode = CodeMode.of(c);
    }
    if (c.exits.takeMsrRefused()) {
      c.rip = c.exits.msrWriteRip();
      interpreter.raise(GuestFault.GP, 0);
    }
    if (c.exits.waiting()) {
      c.exits.collectAnswer();
      return interpreter.one();
    }
    return null;
  }

  /** What an instruction left behind, then events, before limits are looked at. */
  private @Nullable VcpuExit boundary() {
    VcpuExit exit = c.exits.nextPosted();
    if (exit != null) {
      return exit;
    }
    boolean again = !c.shutdown;
    while (again) {
      again = events.deliverOne() && !c.shutdown;
    }
    return c.shutdown ? VcpuExit.Shutdown.SHUTDOWN : null;
  }

  private @Nullable VcpuExit limits(long limitCount) {
    if (c.branchCount >= limitCount) {
      return VcpuExit.Deadline.DEADLINE;
    }
    if (c.kicked) {
      c.kicked = false;
      return VcpuExit.Kicked.KICKED;
    }
    if (windowWanted && interruptible()) {
      return VcpuExit.InterruptWindow.INTERRUPT_WINDOW;
    }
    return c.halted ? VcpuExit.Halt.HALT : null;
  }

  private @Nullable VcpuExit execute(long limitCount) {
    c.attention = false;
    return interpreter.mustGoAlone()
        ? interpreter.oneUnlessStopped()
        : interpreter.blocks(limitCount);
  }

  private boolean standsAt(ExecutionPoint target) {
    return c.rip == target.rip()
        && c.r[1] == target.rcx()
        && (target.digest() == 0 || target.digest() == stateCopy.registerDigest());
  }

  @Override
  public void kick() {
    c.kicked = true;
  }

  @Override
  public long branchCount() {
    return c.branchCount;
  }

  @Override
  public void setBranchCount(long count) {
    c.branchCount = count;
  }

  @Override
  public ExecutionPoint point() {
    return new ExecutionPoint(c.branchCount, c.rip, c.r[1], pointDigest());
  }

  @Override
  public void markPoint(PointMark into) {
    into.set(c.branchCount, c.rip, c.r[1], pointDigest());
  }

  private long pointDigest() {
    return semantics == BranchSemantics.CONDITIONAL ? stateCopy.registerDigest() : 0;
  }

  @Override
  public long instructionsExecuted() {
    return c.instructions;
  }

  /** How much of that was translated. */
  public TranslationCounts translationCounts() {
    return interpreter.counts();
  }

  @Override
  public long translationsForgotten() {
    return c.mmu.translationsForgotten();
  }

  @Override
  public void getState(CpuState into) {
    stateCopy.get(into);
  }

  @Override
  public void setState(CpuState from) {
    stateCopy.set(from);
    c.exits.clear();
    c.attention = true;
  }

  @Override
  public boolean interruptible() {
    return (c.systemFlags & FLAG_IF) != 0
        && c.interruptShadow == 0
        && c.pendingInterrupt < 0
        && c.pendingException < 0
        && c.pendingDebug == 0
        && !(c.nmiPending && !c.nmiBlocked)
        && !c.shutdown
        && !c.exits.waiting();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
    c.attention = true;
  }

  @Override
  public void injectInterrupt(int vector) {
    if (vector < 0 || vector > 255) {
      throw new IllegalArgumentException("interrupt vector " + vector + " is not in 0..255");
    }
    if (!interruptible()) {
      throw new IllegalStateException(
          "vector %#x was injected at %s, where the vCPU is not interruptible"
              .formatted(vector, point()));
    }
    c.pendingInterrupt = vector;
  }

  @Override
  public void injectNmi() {
    c.nmiPending = true;
  }

  @Override
  public void injectException(int vector, int errorCode) {
    if (vector < 0 || vector > 31) {
      throw new IllegalArgumentException("exception vector " + vector + " is not in 0..31");
    }
    c.pendingException = vector;
    c.pendingErrorCode = errorCode;
  }

  @Override
  public void stopBefore(long[] linear) {
    c.host.stopBefore(linear);
    interpreter.clear();
  }

  @Override
  public boolean stopsHere() {
    return interpreter.stopped();
  }

  @Override
  public void watch(List<Watchpoint> watchpoints) {
    c.host.watch(watchpoints);
  }

  @Override
  public @Nullable Watchpoint takeWatched() {
    return c.host.takeHit();
  }

  /** Nothing to do: every store marks its page. */
  @Override
  public void collectDirty() {}

  /**
   * Tells an observer from now on what is executed. Only while the vCPU does not run. What the guest sees, counts and points do not change; the speed does.
   *
   * @return what the observer may look at, inside its calls
   */
  public ObservedState observe(ExecutionObserver observer) {
    Observation observation = new Observation(c, observer);
    c.mmu.observe(null);
    c.observation = observation;
    return observation;
  }

  /** Whether the observer is told of loads and stores too, which costs much. Between two runs, or inside a call of the observer. */
  public void observeAccesses(boolean wanted) {
    c.mmu.observe(wanted ? c.observation : null);
  }

  @Override
  public void close() {
    c.memory.setObserver(null);
    interpreter.close();
  }
}

package dev.lockstep.counting.model;

import dev.lockstep.counting.BranchDecoder;
import dev.lockstep.counting.CountableVcpu;
import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.HardwareCounter;
import dev.lockstep.counting.OuterVcpu;
import dev.lockstep.counting.Stop;
import dev.lockstep.counting.Transfer;
import dev.lockstep.counting.Transition;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An engine with a hardware counter of its own, made of an exact engine and a modelled device. The inner vCPU executes and keeps the true count, which is used for nothing but to drive the device; everything above reads the
 * device.
 *
 * <p>It relies on a guest that exits or goes on branching, as it has no clock to interrupt one that loops without a counted branch.
 */
public final class ModelledEngine extends OuterVcpu implements CountableVcpu {
  /** The engine's patience, in branches. */
  private static final long PATIENCE = 1 << 16;

  /** The same in steps, where every instruction is looked at. */
  private static final int PATIENCE_STEPS = 1 << 20;

  private static final int BURST_STEPS = 3;
  private static final int KERNEL_EXIT_ONE_IN = 2000;
  private static final int LATE_FACTOR = 10;
  private static final long LATE_MORE = 1000;
  private static final byte[] CPUID = {0x0f, (byte) 0xa2};

  /** Reads code of the guest. */
  @FunctionalInterface
  public interface Code {
    /**
     * Up to 15 bytes of the instruction at an offset within CS.
     *
     * @return how many were read
     */
    int read(long rip, byte[] into);
  }

  private final Code code;
  private final PmuFaults faults;
  private final SplittableRandom random;
  private final ModelledDevice device;
  private final CpuState state = new CpuState();
  private final BranchDecoder decoder = new BranchDecoder();
  private final byte[] bytes = new byte[BranchDecoder.MAX_BYTES];
  private final boolean follows;

  private Consumer<Transition> observer = kind -> {};
  private long seen;
  private boolean windowWanted;
  private boolean breaks;
  private long breakpoint;
  private int burst;
  private boolean injected;
  private @Nullable VcpuExit last;
  private @Nullable VcpuExit owed;

  /**
   * @param inner an exact engine, which becomes this one's
   * @param code how to read the guest's code; used only where transitions inside the guest have an excess
   * @param faults what the device does wrong
   */
  public ModelledEngine(Vcpu inner, Code code, PmuFaults faults) {
    super(inner);
    this.code = code;
    this.faults = faults;
    this.random = new SplittableRandom(faults.seed());
    this.device = new ModelledDevice(faults, random);
    this.follows = faults.hidesExcess();
    this.seen = inner.branchCount();
  }

  /**
   * A counter that reads the device.
   *
   * @param limits what the engine believes of its overflows
   * @param excess what the engine subtracts
   */
  public HardwareCounter counter(CounterLimits limits, ExcessTable excess) {
    return new HardwareCounter(device, inner.branchSemantics(), limits, excess);
  }

  @Override
  public void own() {
    // No signals: a modelled overflow is a return value.
  }

  @Override
  public void setTransitionObserver(Consumer<Transition> told) {
    observer = told;
  }

  /** None: the device sees all. */
  @Override
  public long branchesElsewhere() {
    return 0;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return inner.branchSemantics();
  }

  @Override
  public long branchCount() {
    return inner.branchCount();
  }

  /** Sets the true count. */
  @Override
  public void setBranchCount(long count) {
    inner.setBranchCount(count);
    seen = count;
  }

  /** Where the guest stands, with the true count. */
  @Override
  public ExecutionPoint point() {
    return inner.point();
  }

  @Override
  public void setState(CpuState from) {
    inner.setState(from);
    forget();
  }

  /** The inner vCPU's state was replaced: it waits for nothing any more. */
  void forget() {
    last = null;
    owed = null;
    injected = false;
  }

  @Override
  public void injectInterrupt(int vector) {
    inner.injectInterrupt(vector);
    injected = true;
  }

  @Override
  public void injectNmi() {
    inner.injectNmi();
    injected = true;
  }

  @Override
  public void injectException(int vector, int errorCode) {
    inner.injectException(vector, errorCode);
    injected = true;
  }

  @Override
  public boolean hasEvent() {
    if (inner.interruptible()) {
      // So nothing waits; the whole state is far more to look at.
      return false;
    }
    inner.getState(state);
    return state.deliversEvent();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
    inner.requestInterruptWindow(wanted);
  }

  @Override
  public void kick() {
    inner.kick();
  }

  /** By the true count: nobody who counts uses it. */
  @Override
  public VcpuExit run(long limitCount) {
    VcpuExit exit = inner.run(limitCount);
    account();
    return exit;
  }

  /** By the true count. */
  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    VcpuExit exit = inner.runTo(target);
    account();
    return exit;
  }

  @Override
  public boolean midInstruction() {
    if (last instanceof VcpuExit.PortRead
        || last instanceof VcpuExit.MmioRead
        || last instanceof VcpuExit.MsrRead) {
      return true;
    }
    if (last instanceof VcpuExit.PortWrite || last instanceof VcpuExit.MmioWrite) {
      // An instruction with several writes hands them out one by one.
      last = null;
      VcpuExit more = inner.runTo(inner.point());
      owed = more == VcpuExit.PointReached.POINT_REACHED ? null : more;
    }
    return owed != null;
  }

  @Override
  public boolean setBreakpoint(long rip) {
    breaks = faults.breakpoints();
    breakpoint = rip;
    return breaks;
  }

  @Override
  public void clearBreakpoint() {
    breaks = false;
  }

  @Override
  public VcpuExit step() {
    Stop stop = one();
    left();
    return stop instanceof Stop.Exit it ? it.exit() : VcpuExit.Stepped.STEPPED;
  }

  @Override
  public Stop runFree() {
    if (breaks && rip() == breakpoint) {
      throw new IllegalStateException("run from the breakpoint at %#x".formatted(breakpoint));
    }
    Stop stop = free();
    left();
    return stop;
  }

  private long rip() {
    return inner.point().rip();
  }

  /** Back in the monitor. */
  private void left() {
    device.passed(Transition.EXIT);
    observer.accept(Transition.EXIT);
  }

  private Stop free() {
    if (burst > 0) {
      burst--;
      return walk(random.nextInt(BURST_STEPS));
    }
    if (injected) {
      Stop stop = walk(1);
      if (stop != Stop.Paused.INTERRUPTED) {
        return stop;
      }
    }
    long until = device.untilOverflow();
    boolean overflows = until != ModelledDevice.NEVER;
    long landing = overflows ? seen + until + skid() : Long.MAX_VALUE;
    if (faults.spuriousOneIn() > 0 && random.nextInt(faults.spuriousOneIn()) == 0) {
      landing = Math.min(landing, seen + random.nextLong(overflows ? until + 1 : PATIENCE));
    }
    landing = Math.min(landing, seen + PATIENCE);
    int more = faults.skidInstructions() == 0 ? 0 : random.nextInt(faults.skidInstructions() + 1);
    Stop stop = breaks || follows ? walkTo(landing, more) : fly(landing, more);
    if (device.untilOverflow() == 0) {
      device.overflowed();
      burst = faults.burst() == 0 ? 0 : random.nextInt(faults.burst() + 1);
    }
    return stop;
  }

  private long skid() {
    long skid = faults.shape().draw(random, faults.skidBound());
    if (faults.lateOneIn() > 0 && random.nextInt(faults.lateOneIn()) == 0) {
      skid += random.nextLong(LATE_FACTOR * faults.skidBound() + LATE_MORE);
    }
    return skid;
  }

  /** At the inner engine's full speed: nothing on the way needs a look. */
  private Stop fly(long landing, int more) {
    VcpuExit exit = owed;
    owed = null;
    if (exit == null) {
      exit = inner.run(landing);
    }
    account();
    if (exit != VcpuExit.Deadline.DEADLINE) {
      last = exit;
      return new Stop.Exit(exit);
    }
    return walk(more);
  }

  /** By steps until the count comes to {@code landing}, then as many more. */
  private Stop walkTo(long landing, int more) {
    for (int i = 0; seen < landing && i < PATIENCE_STEPS; i++) {
      Stop stop = walkOne();
      if (stop != Stop.Paused.STEPPED) {
        return stop;
      }
      if (breaks && rip() == breakpoint) {
        return Stop.Paused.BREAKPOINT;
      }
    }
    return walk(more);
  }

  private Stop walk(int steps) {
    for (int i = 0; i < steps; i++) {
      Stop stop = walkOne();
      if (stop != Stop.Paused.STEPPED) {
        return stop;
      }
      if (breaks && rip() == breakpoint) {
        return Stop.Paused.BREAKPOINT;
      }
    }
    return Stop.Paused.INTERRUPTED;
  }

  /** As one instruction of a run: a window that is wanted opens before it. */
  private Stop walkOne() {
    boolean opens = windowWanted && !midInstruction() && inner.interruptible();
    return opens ? new Stop.Exit(VcpuExit.InterruptWindow.INTERRUPT_WINDOW) : one();
  }

  private Stop one() {
    VcpuExit exit = owed;
    owed = null;
    if (exit == null) {
      boolean delivers = injected;
      injected = false;
      long rip = follows ? rip() : 0;
      boolean decodes = follows && !delivers && last == null;
      int length = decodes ? code.read(rip, bytes) : 0;
      last = null;
      exit = inner.step();
      account();
      if (delivers) {
        device.passed(Transition.INJECTION);
        observer.accept(Transition.INJECTION);
      } else if (decodes) {
        hidden(rip, length);
      }
    }
    if (exit == VcpuExit.Stepped.STEPPED) {
      return Stop.Paused.STEPPED;
    }
    last = exit;
    return new Stop.Exit(exit);
  }

  private void account() {
    long now = inner.branchCount();
    device.retired(now - seen);
    seen = now;
  }

  /** What happened inside the guest in the last step. */
  private void hidden(long rip, int length) {
    Transfer kind = decoder.decode(rip, bytes, length, 64);
    long went = inner.point().rip() - rip;
    switch (kind) {
      case SYSTEM_CALL -> device.passed(Transition.SYSTEM_CALL);
      case FAR -> device.passed(Transition.FAR_TRANSFER);
      case SOFTWARE_INTERRUPT, INTERRUPT_ON_OVERFLOW -> device.passed(Transition.EXCEPTION);
      case NONE -> {
        if (went < 0 || went > BranchDecoder.MAX_BYTES) {
          device.passed(Transition.EXCEPTION);
        }
      }
      case NEAR, CONDITIONAL -> {}
    }
    boolean cpuid = length >= 2 && bytes[0] == CPUID[0] && bytes[1] == CPUID[1];
    if (cpuid || random.nextInt(KERNEL_EXIT_ONE_IN) == 0) {
      device.passed(Transition.KERNEL_EXIT);
    }
  }
}

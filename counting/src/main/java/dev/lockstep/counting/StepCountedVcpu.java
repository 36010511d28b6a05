package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * Any engine that can step, counted exactly by a {@link StepCounter}: it only ever steps, and looks at the state before and after each step. Slow (the state is read each time), and exact on every host: nothing depends on
 * a counter, a skid or a breakpoint.
 */
public final class StepCountedVcpu implements Vcpu {
  private static final int RSP = 4, RCX = 1;
  private static final int CODE_64 = 1 << 13, CODE_32 = 1 << 14;
  private static final long LMA = 1 << 10;

  private final Vcpu vcpu;
  private final StepCounter counter;
  private final CpuState before = new CpuState();
  private final CpuState after = new CpuState();
  private final LinearView code;
  private final LinearView stack;
  private final byte[] bytes = new byte[BranchDecoder.MAX_BYTES];

  /** The guest stands on an instruction that waits for an answer; {@link #counter} has seen its beginning. */
  private boolean waits;

  private boolean windowWanted;
  private volatile boolean kicked;

  /**
   * @param vcpu becomes this one's: nobody else may run or close it
   * @param memory its memory
   * @param semantics what to count
   */
  public StepCountedVcpu(Vcpu vcpu, GuestMemory memory, BranchSemantics semantics) {
    this.vcpu = vcpu;
    this.counter = new StepCounter(semantics);
    this.code = new LinearView(before, memory);
    this.stack = new LinearView(after, memory);
  }

  @Override
  public CpuModel model() {
    return vcpu.model();
  }

  @Override
  public BranchSemantics branchSemantics() {
    return counter.semantics();
  }

  @Override
  public VcpuExit run(long limitCount) {
    while (true) {
      VcpuExit exit = waits || delivers() ? advance() : boundary(limitCount);
      if (exit == null) {
        exit = advance();
      }
      if (exit != VcpuExit.Stepped.STEPPED) {
        return exit;
      }
    }
  }

  @Override
  public VcpuExit runTo(ExecutionPoint target) {
    while (true) {
      if (!waits) {
        if (counter.count() > target.branchCount()) {
          return VcpuExit.PointMissed.POINT_MISSED;
        }
        if (counter.count() == target.branchCount() && standsAt(target)) {
          return VcpuExit.PointReached.POINT_REACHED;
        }
      }
      VcpuExit exit = waits || delivers() ? advance() : boundary(Long.MAX_VALUE);
      if (exit == null) {
        exit = advance();
      }
      if (exit != VcpuExit.Stepped.STEPPED) {
        return exit;
      }
    }
  }

  private boolean standsAt(ExecutionPoint target) {
    vcpu.getState(before);
    return before.rip == target.rip()
        && before.gpr[RCX] == target.rcx()
        && (target.digest() == 0
            || target.digest() == RegisterDigest.of(before.gpr, before.rflags));
  }

  /** What is looked at at a boundary before the next instruction; null to go on. */
  private @Nullable VcpuExit boundary(long limitCount) {
    if (counter.count() >= limitCount) {
      return VcpuExit.Deadline.DEADLINE;
    }
    if (kicked) {
      kicked = false;
      return VcpuExit.Kicked.KICKED;
    }
    return windowWanted && vcpu.interruptible() ? VcpuExit.InterruptWindow.INTERRUPT_WINDOW : null;
  }

  /** Whether the next step is the delivery of an event. */
  private boolean delivers() {
    vcpu.getState(before);
    return hasEvent(before);
  }

  private static boolean hasEvent(CpuState s) {
    return s.pendingException >= 0
        || s.pendingInterrupt >= 0
        || s.pendingDebug != 0
        || s.nmiPending && !s.nmiBlocked;
  }

  /** One step, counted. */
  private VcpuExit advance() {
    if (!waits) {
      vcpu.getState(before);
      begin();
    }
    VcpuExit exit = vcpu.step();
    waits =
        exit instanceof VcpuExit.PortRead
            || exit instanceof VcpuExit.MmioRead
            || exit instanceof VcpuExit.MsrRead
            || exit instanceof VcpuExit.MsrWrite;
    if (!waits) {
      vcpu.getState(after);
      count();
    }
    return exit;
  }

  private void begin() {
    int length = code.read(before.segments[CpuState.CS].base + before.rip, bytes);
    counter.before(
        before.rip,
        bytes,
        length,
        bits(before),
        before.gpr[RSP],
        before.segments[CpuState.CS].selector,
        before.rflags);
  }

  private void count() {
    boolean delivered =
        before.pendingException >= 0 && after.pendingException < 0
            || before.pendingInterrupt >= 0 && after.pendingInterrupt < 0
            || before.pendingDebug != 0 && after.pendingDebug == 0
            || before.nmiPending && !after.nmiPending;
    if (delivered) {
      counter.delivered();
    } else if (!before.halted && !before.shutdown && !after.shutdown) {
      counter.after(
          after.rip,
          after.gpr[RSP],
          bits(after) == 64 ? at -> stack.quad(after.segments[CpuState.SS].base + at) : null);
    }
  }

  private static int bits(CpuState s) {
    int access = s.segments[CpuState.CS].access;
    if ((s.efer & LMA) != 0 && (access & CODE_64) != 0) {
      return 64;
    }
    return (access & CODE_32) != 0 ? 32 : 16;
  }

  @Override
  public VcpuExit step() {
    return advance();
  }

  @Override
  public void kick() {
    kicked = true;
  }

  @Override
  public long branchCount() {
    return counter.count();
  }

  @Override
  public void setBranchCount(long count) {
    counter.set(count);
  }

  @Override
  public ExecutionPoint point() {
    vcpu.getState(after);
    long digest =
        branchSemantics() == BranchSemantics.CONDITIONAL
            ? RegisterDigest.of(after.gpr, after.rflags)
            : 0;
    return new ExecutionPoint(counter.count(), after.rip, after.gpr[RCX], digest);
  }

  @Override
  public long instructionsExecuted() {
    return vcpu.instructionsExecuted();
  }

  @Override
  public void getState(CpuState into) {
    vcpu.getState(into);
  }

  @Override
  public void setState(CpuState from) {
    vcpu.setState(from);
    waits = false;
  }

  @Override
  public boolean interruptible() {
    return vcpu.interruptible();
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
  }

  @Override
  public void injectInterrupt(int vector) {
    vcpu.injectInterrupt(vector);
  }

  @Override
  public void injectNmi() {
    vcpu.injectNmi();
  }

  @Override
  public void injectException(int vector, int errorCode) {
    vcpu.injectException(vector, errorCode);
  }

  @Override
  public void collectDirty() {
    vcpu.collectDirty();
  }

  @Override
  public void close() {
    vcpu.close();
  }
}

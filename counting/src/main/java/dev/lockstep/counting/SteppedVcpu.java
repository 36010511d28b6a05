package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.GuestMemory;
import dev.lockstep.engine.LinearView;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.SegmentRegister;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Any engine that steps exactly, counted by {@link StepCounter}: the guest is stepped from one boundary to the next, so the count is exact on any host and overflows have no skid. Slower than running by as much as a step is.
 *
 * <p>Injection, state and answers are the inner vCPU's; its own branch count is not looked at. After its state was replaced, {@link #restored}.
 */
public final class SteppedVcpu implements SeekableVcpu {
  private static final int RSP = 4;

  /** CS.L and CS.D in {@link SegmentRegister#access}. */
  private static final int LONG = 1 << 13, BIG = 1 << 14;

  private static final long EFER_LMA = 1 << 10;

  /** Steps after which {@link #runFree} comes back. */
  private final int patienceSteps;

  private final Vcpu inner;
  private final GuestMemory memory;
  private final StepCounter counter;
  private final byte[] bytes = new byte[BranchDecoder.MAX_BYTES];
  private CpuState now = new CpuState();
  private CpuState then = new CpuState();
  private @Nullable VcpuExit last;
  private final AtomicBoolean kicked = new AtomicBoolean();
  private boolean breaks;
  private long breakpoint;

  /**
   * @param inner with its state loaded
   * @param memory the guest's
   * @param semantics what to count
   * @param patienceSteps after which a free run comes back even if nothing happens, 1 or more
   */
  public SteppedVcpu(Vcpu inner, GuestMemory memory, BranchSemantics semantics, int patienceSteps) {
    this.inner = inner;
    this.memory = memory;
    this.counter = new StepCounter(semantics);
    this.patienceSteps = patienceSteps;
    inner.getState(now);
  }

  /** The inner vCPU's state was replaced by one that was taken at that count, or an event was queued there: look anew. */
  public void restored(long count) {
    inner.getState(now);
    counter.set(count);
    last = null;
  }

  /** Whether the next step is the delivery of an event, as far as is known without one. */
  boolean hasEvent() {
    inner.getState(now);
    return now.deliversEvent();
  }

  /** As {@link Vcpu#kick}, which must not be used: steps of the inner vCPU do not notice it. Any thread. */
  public void kick() {
    kicked.set(true);
  }

  @Override
  public BranchSemantics branchSemantics() {
    return counter.semantics();
  }

  @Override
  public CounterLimits limits() {
    return counter.limits();
  }

  @Override
  public long branchCount() {
    return counter.count();
  }

  @Override
  public long rip() {
    return now.rip;
  }

  @Override
  public long rcx() {
    return now.gpr[1];
  }

  @Override
  public long registerDigest() {
    return RegisterDigest.of(now.gpr, now.rflags);
  }

  @Override
  public boolean midInstruction() {
    return isRead(last) || isRefused(last);
  }

  private static boolean isRead(@Nullable VcpuExit exit) {
    return exit instanceof VcpuExit.PortRead
        || exit instanceof VcpuExit.MmioRead
        || exit instanceof VcpuExit.MsrRead;
  }

  private static boolean isWrite(@Nullable VcpuExit exit) {
    return exit instanceof VcpuExit.PortWrite || exit instanceof VcpuExit.MmioWrite;
  }

  /** A WRMSR that the machine did not accept ends in #GP with the next step. */
  private static boolean isRefused(@Nullable VcpuExit exit) {
    return exit instanceof VcpuExit.MsrWrite write && write.refused();
  }

  @Override
  public Stop runFree(long overflowAt) {
    counter.arm(overflowAt);
    for (int i = 0; i < patienceSteps && !counter.overflowed(); i++) {
      if (kicked.getAndSet(false)) {
        return new Stop.Exit(VcpuExit.Kicked.KICKED);
      }
      Stop stop = step();
      if (stop != Stop.Paused.STEPPED) {
        return stop;
      }
      if (breaks && now.rip == breakpoint) {
        return Stop.Paused.BREAKPOINT;
      }
    }
    return Stop.Paused.INTERRUPTED;
  }

  @Override
  public Stop step() {
    VcpuExit before = last;
    if (!isRead(before)) {
      // What was queued since the last step shows in the state.
      inner.getState(now);
      counter.before(
          now.rip,
          bytes,
          new LinearView(now, memory).read(now.segments[CpuState.CS].base + now.rip, bytes),
          bits(now),
          now.gpr[RSP],
          now.segments[CpuState.CS].selector,
          now.rflags);
    }
    boolean refused = isRefused(before);
    CpuState from = now;
    CpuState to = then;
    VcpuExit exit = inner.step();
    last = exit == VcpuExit.Stepped.STEPPED ? null : exit;
    inner.getState(to);
    now = to;
    then = from;
    if (refused || delivered(from, to)) {
      counter.delivered();
    } else if (!isRead(exit) && !from.halted && !isRest(before, exit, from, to)) {
      counter.after(to.rip, to.gpr[RSP], bits(to) == 64 ? new LinearView(to, memory)::quad : null);
    }
    return last == null ? Stop.Paused.STEPPED : new Stop.Exit(exit);
  }

  /** One more write of an instruction that is past: nothing was executed. */
  private static boolean isRest(
      @Nullable VcpuExit before, VcpuExit exit, CpuState from, CpuState to) {
    return isWrite(before) && isWrite(exit) && from.rip == to.rip && from.digest() == to.digest();
  }

  private static boolean delivered(CpuState from, CpuState to) {
    return from.pendingException >= 0 && to.pendingException < 0
        || from.pendingDebug != 0 && to.pendingDebug == 0
        || from.nmiPending && !to.nmiPending
        || from.pendingInterrupt >= 0 && to.pendingInterrupt < 0;
  }

  private static int bits(CpuState s) {
    SegmentRegister cs = s.segments[CpuState.CS];
    if ((s.efer & EFER_LMA) != 0 && (cs.access & LONG) != 0) {
      return 64;
    }
    return (cs.access & BIG) != 0 ? 32 : 16;
  }

  @Override
  public boolean setBreakpoint(long rip) {
    breaks = true;
    breakpoint = rip;
    return true;
  }

  @Override
  public void clearBreakpoint() {
    breaks = false;
  }
}

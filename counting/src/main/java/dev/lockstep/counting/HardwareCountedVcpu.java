package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VcpuExit;
import dev.lockstep.engine.VmmException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import org.jspecify.annotations.Nullable;

/**
 * An engine that keeps the whole contract, deadlines and points included, at the speed of the hardware: the guest runs free to an overflow one margin before the count that is wanted, and is stepped from there.
 *
 * <p>An overflow can come later than calibration ever saw. Then a deadline is handed out behind its count, or a point is missed; {@link #overshoots} tells the owner, whose log is certain up to the boundary before, or who
 * goes back to a checkpoint. The margin has grown by then.
 *
 * <p>A guest that goes on for long without a branch that is counted cannot be brought to the next count. It comes back as {@link VcpuExit.Kicked}.
 */
public final class HardwareCountedVcpu extends OuterVcpu {
  /** Steps without a counted branch after which the guest is given back: some 10 ms on hardware. */
  private static final int PATIENCE_STEPS = 1 << 14;

  /** The same in CPU time, for a guest that runs free and was interrupted for nothing. */
  private static final long PATIENCE_NANOS = 100_000_000;

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final CountableVcpu engine;
  private final CounterSource source;
  private final Watched watched = new Watched();
  private @Nullable BranchCounter counter;
  private @Nullable CountedVcpu counted;
  private @Nullable SkidPolicy policy;
  private @Nullable Seek seek;
  private @Nullable ExecutionPoint target;

  /** The count, while no counter is open. */
  private long count;

  private long overshoots;
  private boolean windowWanted;
  private volatile boolean kicked;

  /**
   * @param engine becomes this one's: nobody else may run or close it
   * @param source asked at the first run on a thread
   */
  public HardwareCountedVcpu(CountableVcpu engine, CounterSource source) {
    this(engine, source, null);
  }

  /**
   * As {@link #HardwareCountedVcpu(CountableVcpu, CounterSource)}, with what was learnt of the counter before.
   *
   * @param policy goes on learning; null for one that begins with the counter's limits
   */
  public HardwareCountedVcpu(
      CountableVcpu engine, CounterSource source, @Nullable SkidPolicy policy) {
    super(engine);
    this.engine = engine;
    this.source = source;
    this.policy = policy;
  }

  /** How often an overflow came too late for what was wanted. */
  public long overshoots() {
    return overshoots;
  }

  /** How far before what is wanted the overflow is armed now, in branches; 0 before the first run. */
  public long margin() {
    SkidPolicy learnt = policy;
    return learnt == null ? 0 : learnt.margin();
  }

  private CountedVcpu counted() {
    CountedVcpu open = counted;
    if (open == null) {
      BranchCounter opened = source.open();
      counter = opened;
      open = new CountedVcpu(engine, opened);
      open.restored(count);
      counted = open;
      if (policy == null) {
        policy = SkidPolicy.of(opened.limits());
      }
    }
    return open;
  }

  /** The guest is moved by other means than the seek that was under way: its breakpoint must not stop it. */
  private void giveUpSeek() {
    if (seek != null) {
      seek = null;
      engine.clearBreakpoint();
    }
  }

  private SkidPolicy policy() {
    SkidPolicy made = policy;
    if (made == null) {
      throw new IllegalStateException("no counter was opened yet");
    }
    return made;
  }

  @Override
  public BranchSemantics branchSemantics() {
    return engine.branchSemantics();
  }

  @Override
  public VcpuExit run(long limitCount) {
    CountedVcpu vcpu = counted();
    vcpu.moved();
    giveUpSeek();
    long stood = Long.MIN_VALUE;
    long since = 0;
    int tries = 0;
    while (true) {
      long now = vcpu.branchCount();
      boolean far = limitCount == Long.MAX_VALUE || limitCount - now > 2 * policy().margin();
      // Far from the limit the engine looks at kicks and the window itself, as it runs: asking for
      // them here would cost each exit several system calls.
      VcpuExit due = far ? null : due(limitCount, now);
      if (due != null) {
        return due;
      }
      if (now != stood) {
        stood = now;
        tries = 0;
      } else if (far && tries == 1) {
        since = THREADS.getCurrentThreadCpuTime();
      } else if (far
          ? THREADS.getCurrentThreadCpuTime() - since >= PATIENCE_NANOS
          : tries >= PATIENCE_STEPS) {
        kicked = false;
        return VcpuExit.Kicked.KICKED;
      }
      tries++;
      VcpuExit exit = far ? far(vcpu, limitCount) : exit(vcpu.step());
      if (exit != null) {
        return exit;
      }
    }
  }

  /** What is due at this boundary; null if the guest goes on. */
  private @Nullable VcpuExit due(long limitCount, long now) {
    if (engine.midInstruction() || engine.hasEvent()) {
      return null;
    }
    return now >= limitCount ? VcpuExit.Deadline.DEADLINE : beforeInstruction();
  }

  /** What comes before the next instruction, behind limits and points. */
  private @Nullable VcpuExit beforeInstruction() {
    if (kicked) {
      kicked = false;
      return VcpuExit.Kicked.KICKED;
    }
    return windowWanted && engine.interruptible()
        ? VcpuExit.InterruptWindow.INTERRUPT_WINDOW
        : null;
  }

  private @Nullable VcpuExit far(CountedVcpu vcpu, long limitCount) {
    long armed = limitCount == Long.MAX_VALUE ? limitCount : limitCount - policy().margin();
    VcpuExit exit = exit(watched.runFree(armed));
    long now = vcpu.branchCount();
    if (now >= limitCount) {
      // Whether this is the first boundary of that count nobody has seen.
      overshot(now - armed);
    }
    return exit;
  }

  private void overshot(long skid) {
    overshoots++;
    policy().overshot(skid);
  }

  private static @Nullable VcpuExit exit(Stop stop) {
    return stop instanceof Stop.Exit it ? it.exit() : null;
  }

  @Override
  public VcpuExit runTo(ExecutionPoint point) {
    CountedVcpu vcpu = counted();
    vcpu.moved();
    Seek way = seek;
    if (way == null || !point.equals(target)) {
      giveUpSeek();
      way = new Seek(watched, point, policy());
      target = point;
    }
    SeekResult result = way.advance();
    seek = result instanceof SeekResult.Exited ? way : null;
    return switch (result) {
      case SeekResult.Exited it -> it.exit();
      case SeekResult.Reached it -> VcpuExit.PointReached.POINT_REACHED;
      case SeekResult.Missed it -> {
        overshoots += it.why() == SeekResult.Why.OVERSHOT ? 1 : 0;
        yield VcpuExit.PointMissed.POINT_MISSED;
      }
      case SeekResult.Refused it -> throw new VmmException(it.reason(), it.advice());
    };
  }

  @Override
  public VcpuExit step() {
    CountedVcpu vcpu = counted();
    giveUpSeek();
    vcpu.moved();
    return engine.step();
  }

  @Override
  public void kick() {
    kicked = true;
    engine.kick();
  }

  @Override
  public long branchCount() {
    CountedVcpu open = counted;
    return open == null ? count : open.branchCount();
  }

  @Override
  public void setBranchCount(long set) {
    giveUpSeek();
    count = set;
    CountedVcpu open = counted;
    if (open != null) {
      open.restored(set);
    }
  }

  @Override
  public ExecutionPoint point() {
    ExecutionPoint at = engine.point();
    return new ExecutionPoint(branchCount(), at.rip(), at.rcx(), at.digest());
  }

  @Override
  public void setState(CpuState from) {
    giveUpSeek();
    engine.setState(from);
  }

  @Override
  public void requestInterruptWindow(boolean wanted) {
    windowWanted = wanted;
    engine.requestInterruptWindow(wanted);
  }

  @Override
  public void release() {
    closeCounter();
    super.release();
  }

  @Override
  public void close() {
    closeCounter();
    super.close();
  }

  private void closeCounter() {
    BranchCounter open = counter;
    if (open != null) {
      count = branchCount();
      counted = null;
      counter = null;
      giveUpSeek();
      open.close();
    }
  }

  /** The counted engine, with kicks and the interrupt window looked at before each step, as between two instructions of a run. */
  private final class Watched implements SeekableVcpu {
    @Override
    public BranchSemantics branchSemantics() {
      return engine.branchSemantics();
    }

    @Override
    public CounterLimits limits() {
      return counted().limits();
    }

    @Override
    public long branchCount() {
      return counted().branchCount();
    }

    @Override
    public long rip() {
      return counted().rip();
    }

    @Override
    public long rcx() {
      return counted().rcx();
    }

    @Override
    public long registerDigest() {
      return counted().registerDigest();
    }

    @Override
    public boolean midInstruction() {
      return engine.midInstruction();
    }

    @Override
    public Stop runFree(long overflowAt) {
      Stop stop = counted().runFree(overflowAt);
      if (stop instanceof Stop.Exit it && it.exit() instanceof VcpuExit.Kicked) {
        // The echo of a kick that was taken before a step is none.
        VcpuExit due = kicked ? beforeInstruction() : null;
        return due == null ? Stop.Paused.INTERRUPTED : stop;
      }
      return stop;
    }

    @Override
    public Stop step() {
      if (!engine.midInstruction() && !engine.hasEvent()) {
        VcpuExit due = beforeInstruction();
        if (due != null) {
          return new Stop.Exit(due);
        }
      }
      return counted().step();
    }

    @Override
    public boolean setBreakpoint(long rip) {
      return counted().setBreakpoint(rip);
    }

    @Override
    public void clearBreakpoint() {
      counted().clearBreakpoint();
    }
  }
}

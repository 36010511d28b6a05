package dev.lockstep.counting.model;

import dev.lockstep.counting.BranchDecoder;
import dev.lockstep.counting.CounterLimits;
import dev.lockstep.counting.ExcessTable;
import dev.lockstep.counting.HardwareCounter;
import dev.lockstep.counting.SeekableVcpu;
import dev.lockstep.counting.Stop;
import dev.lockstep.counting.Transfer;
import dev.lockstep.counting.Transition;
import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.CpuState;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.RegisterDigest;
import dev.lockstep.engine.Vcpu;
import dev.lockstep.engine.VcpuExit;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * An engine with a hardware counter, made of an exact engine and a modelled device. The inner vCPU executes and keeps the true count, which is used for nothing but to drive the device; everything above reads the device.
 *
 * <p>The monitor's side is that of an engine: it tells the {@link HardwareCounter} of each exit and each injection that it sees. Injections must come by {@link #injectInterrupt}; everything else of the inner vCPU may be used
 * directly while this one is stopped. It relies on a guest that exits or goes on branching, as it has no clock to interrupt one that loops without a counted branch.
 */
public final class ModelledPmu implements SeekableVcpu, AutoCloseable {
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

  private final Vcpu inner;
  private final Code code;
  private final PmuFaults faults;
  private final SplittableRandom random;
  private final ModelledDevice device;
  private final HardwareCounter counter;
  private final CpuState state = new CpuState();
  private final BranchDecoder decoder = new BranchDecoder();
  private final byte[] bytes = new byte[BranchDecoder.MAX_BYTES];
  private final boolean follows;

  private long seen;
  private boolean breaks;
  private long breakpoint;
  private int burst;
  private boolean injected;
  private @Nullable VcpuExit last;
  private @Nullable VcpuExit owed;

  /**
   * @param inner an exact engine, with its state loaded
   * @param code how to read the guest's code; used only where transitions inside the guest have an excess
   * @param faults what the device does wrong
   * @param limits what the engine believes of its overflows
   * @param excess what the engine subtracts
   */
  public ModelledPmu(
      Vcpu inner, Code code, PmuFaults faults, CounterLimits limits, ExcessTable excess) {
    this.inner = inner;
    this.code = code;
    this.faults = faults;
    this.random = new SplittableRandom(faults.seed());
    this.device = new ModelledDevice(faults, random);
    this.follows = faults.hidesExcess();
    this.seen = inner.branchCount();
    this.counter = new HardwareCounter(device, inner.branchSemantics(), limits, excess);
    counter.set(seen);
  }

  /** Sets the count, and with it the inner vCPU's true one: the state was replaced by that of a checkpoint. */
  public void restored(long count) {
    inner.setBranchCount(count);
    seen = count;
    counter.set(count);
    last = null;
    owed = null;
    injected = false;
  }

  /** Queues an interrupt, as {@link Vcpu#injectInterrupt}. */
  public void injectInterrupt(int vector) {
    inner.injectInterrupt(vector);
    injected = true;
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
    return inner.point().rip();
  }

  @Override
  public long rcx() {
    return inner.point().rcx();
  }

  @Override
  public long registerDigest() {
    if (inner.branchSemantics() == BranchSemantics.CONDITIONAL) {
      return inner.point().digest();
    }
    inner.getState(state);
    return RegisterDigest.of(state.gpr, state.rflags);
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
  public Stop step() {
    Stop stop = one();
    left();
    return stop;
  }

  @Override
  public Stop runFree(long overflowAt) {
    if (breaks && rip() == breakpoint) {
      throw new IllegalStateException("run from the breakpoint at %#x".formatted(breakpoint));
    }
    counter.arm(overflowAt);
    Stop stop = free();
    left();
    counter.disarm();
    return stop;
  }

  /** Back in the monitor. */
  private void left() {
    device.passed(Transition.EXIT);
    counter.passed(Transition.EXIT);
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
      Stop stop = one();
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
      Stop stop = one();
      if (stop != Stop.Paused.STEPPED) {
        return stop;
      }
      if (breaks && rip() == breakpoint) {
        return Stop.Paused.BREAKPOINT;
      }
    }
    return Stop.Paused.INTERRUPTED;
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
        counter.passed(Transition.INJECTION);
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

  /** The point at which the guest really stands, by the inner vCPU: for tests, which compare. */
  public ExecutionPoint truth() {
    return inner.point();
  }

  @Override
  public void close() {
    counter.close();
  }
}

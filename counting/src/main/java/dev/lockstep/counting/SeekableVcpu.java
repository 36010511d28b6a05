package dev.lockstep.counting;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;

/**
 * What {@link Seek} and {@link Naming} need of an engine: run with an overflow armed, step, break on an address, and tell where the guest stands. Injection, state and answers to exits are the engine's other face, {@link
 * dev.lockstep.engine.Vcpu}; the engine itself tells its {@link BranchCounter} of every transition. Owned by the vCPU's thread.
 *
 * <p>The guest stands at a boundary between two instructions, or on an instruction of which something is still owed ({@link #midInstruction}).
 */
public interface SeekableVcpu {
  /** What {@link #branchCount} counts. */
  BranchSemantics branchSemantics();

  /** How the overflows of {@link #runFree} behave. */
  CounterLimits limits();

  /** The counter's count at this boundary. */
  long branchCount();

  /** Offset of the next instruction within CS. */
  long rip();

  /** RCX. */
  long rcx();

  /** {@link dev.lockstep.engine.RegisterDigest} of the registers as the guest has them: without a TF or RF that the engine set. */
  long registerDigest();

  /** The name of this boundary by the engine's semantics. */
  default ExecutionPoint point() {
    long digest = branchSemantics() == BranchSemantics.ALL_TRANSFERS ? 0 : registerDigest();
    return new ExecutionPoint(branchCount(), rip(), rcx(), digest);
  }

  /** Whether the vCPU stands on an instruction that waits for an answer (IN, a load from a device), or that has more exits to hand out. Then only {@link #step} may follow, which completes it. */
  boolean midInstruction();

  /**
   * Runs at full speed until an exit, the breakpoint, or the overflow. What was queued (an injected event) is delivered first.
   *
   * <p>Comes back with {@link Stop.Paused#INTERRUPTED} within the engine's patience (a second or so) even if nothing happens, so that a counter that has stopped hangs nobody. A {@linkplain
   * dev.lockstep.engine.Vcpu#kick kick} from elsewhere is an exit, {@link dev.lockstep.engine.VcpuExit.Kicked}.
   *
   * @param overflowAt the count at which to interrupt; the guest goes on up to the skid bound past it, on a bad host further. {@link Long#MAX_VALUE} for none
   */
  Stop runFree(long overflowAt);

  /**
   * Executes one instruction, or at least one iteration of a repeated string instruction, or the delivery of one queued event (hosts differ in whether the handler's first instruction belongs to that step: such an engine
   * must not let a step pass the address of the breakpoint). Completes what {@link #midInstruction} owes instead, if anything. A HLT is an exit, never stepped over.
   */
  Stop step();

  /**
   * Stands on a repeated string instruction with RCX above {@code rcx} (unsigned): executes iterations until RCX is {@code rcx}, or the instruction ends, faults or exits before that. On any other instruction it is one {@link
   * #step}. An engine whose hardware reports iterations in chunks overrides it (by cutting RCX in two, or by another engine), so that no iteration is passed over.
   */
  default Stop stepRepeat(long rcx) {
    long here = rip();
    long count = branchCount();
    while (true) {
      long left = rcx();
      Stop stop = step();
      boolean iterated = rip() == here && branchCount() == count && rcx() != left;
      if (stop != Stop.Paused.STEPPED || !iterated || Long.compareUnsigned(rcx(), rcx) <= 0) {
        return stop;
      }
    }
  }

  /**
   * Makes {@link #runFree} stop before each execution of the instruction there, in every ring, except where it starts from: it is never called standing there, so nobody needs RFLAGS.RF. Before a repeated string
   * instruction it stops once, before the first iteration, or at each. One breakpoint at a time. The guest never sees it.
   *
   * <p>Behind MOV SS and POP SS hardware holds breakpoints and single steps back for one instruction (Intel SDM vol. 3A 6.8.3): no boundary there can be met on it, and none is named where interrupts must be open.
   *
   * @param rip offset within CS
   * @return false if this host cannot do that for certain; the caller then steps
   */
  boolean setBreakpoint(long rip);

  /** Takes the breakpoint away, if there is one. */
  void clearBreakpoint();
}

package dev.lockstep.counting;

import dev.lockstep.engine.Vcpu;
import java.util.function.Consumer;

/**
 * What a hardware counter needs of an engine beside the contract: to run free until a signal, to break on an address, and to be told what the counter cannot know. The engine's own {@link #branchCount} is not looked at.
 * Owned by the vCPU's thread.
 */
public interface CountableVcpu extends Vcpu {
  /** The calling thread becomes the owner, and takes the signals of overflows from here on. Before the first of them is armed. */
  void own();

  /**
   * Who is told of each transition that the engine sees, as it happens; replaces whoever was told before. An entry to the guest that a signal may have kept from happening is told all the same, so a counter with an excess at
   * {@link Transition#EXIT} is fit only for an engine that knows.
   */
  void setTransitionObserver(Consumer<Transition> observer);

  /** Branches, by {@link #branchSemantics}, that the guest has executed where the counter did not see them (on a software CPU), since this vCPU was made. Never less than before. */
  long branchesElsewhere();

  /** Whether the vCPU stands on an instruction that waits for an answer, or that has more exits to hand out. Then only a {@link #step} or a run may follow, which completes it. */
  boolean midInstruction();

  /** Whether the next that happens to the guest is the delivery of an event. */
  boolean hasEvent();

  /**
   * Runs at full speed until an exit, the breakpoint, or a signal to the thread, which comes back as {@link Stop.Paused#INTERRUPTED}: an overflow, an echo of one, or the engine's patience of a second or so. Also comes back so
   * soon after {@link #branchesElsewhere} has grown, as no overflow tells of that. What was queued is delivered first.
   */
  Stop runFree();

  /**
   * Makes {@link #runFree} stop before each execution of the instruction there; as {@link SeekableVcpu#setBreakpoint}.
   *
   * @return false if this host cannot do that for certain
   */
  boolean setBreakpoint(long rip);

  /** Takes the breakpoint away, if there is one. */
  void clearBreakpoint();
}

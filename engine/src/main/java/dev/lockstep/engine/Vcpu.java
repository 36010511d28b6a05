package dev.lockstep.engine;

/**
 * The contract that every engine keeps: one virtual CPU. Owned by one platform thread; only {@link #kick} may be called from another.
 *
 * <p>The branch count, the {@link CpuState} and guest memory after any sequence of calls are a function of the state before and of the calls alone: never of host time, kicks, the engine's caches or
 * the JVM's compilers. Between two calls the vCPU stands at an instruction boundary, or on an instruction that waits for the answer to an exit (see {@link VcpuExit}).
 */
public interface Vcpu extends AutoCloseable {

  /** The frozen CPU the guest sees. */
  CpuModel model();

  /** What {@link #branchCount} counts. */
  BranchSemantics branchSemantics();

  /**
   * Runs until an exit. Order at a boundary: an injected event is delivered first, then limits are checked ({@link VcpuExit.Deadline}, then {@link VcpuExit.Kicked}), then the interrupt window, then
   * the next instruction executes. On an instruction that waits for the answer to an exit, that instruction is completed before anything else; the same holds for {@link #runTo} and {@link #step}.
   *
   * @param limitCount absolute branch count; the vCPU exits with {@link VcpuExit.Deadline} at the first boundary with {@code branchCount() >= limitCount}; {@link Long#MAX_VALUE} for none
   */
  VcpuExit run(long limitCount);

  /**
   * Runs to a point exactly: exits with {@link VcpuExit.PointReached} there, with {@link VcpuExit.PointMissed} if it was overshot, or earlier with any other exit but Deadline. If the vCPU stands at
   * the point already, it does not move.
   */
  VcpuExit runTo(ExecutionPoint target);

  /**
   * Executes one instruction, one iteration of a repeated string instruction, or one pending delivery, and exits with {@link VcpuExit.Stepped} unless something else made it exit.
   * On an instruction that waits for an answer, its completion is the step. Kicks wait for the next {@link #run} or {@link #runTo}.
   */
  VcpuExit step();

  /** Makes a running or the next {@link #run} or {@link #runTo} exit with {@link VcpuExit.Kicked} soon. Any thread. Several kicks before the exit are one. */
  void kick();

  /** Retired branches since the count was last set, by {@link #branchSemantics}. */
  long branchCount();

  /** Sets the count, at a boundary. */
  void setBranchCount(long count);

  /** The point at which the vCPU stands. */
  ExecutionPoint point();

  /** Remembers {@link #point} without an object for it, where the engine can. */
  default void markPoint(PointMark into) {
    ExecutionPoint here = point();
    into.set(here.branchCount(), here.rip(), here.rcx(), here.digest());
  }

  /** Instructions executed since creation, for statistics; each iteration of a repeated string instruction counts as one. Not part of the guest-visible state. */
  long instructionsExecuted();

  /** Copies the whole architectural state, with what the engine must keep for an identical continuation (see {@link CpuState#engineState}). */
  void getState(CpuState into);

  /**
   * Replaces the whole state. Answers that an exit still waits for are dropped.
   *
   * @throws VmmException if this engine cannot continue from that state, naming the field
   */
  void setState(CpuState from);

  /** Whether {@link #injectInterrupt} would be delivered before the next instruction: IF set, no STI or MOV SS shadow, nothing else pending. */
  boolean interruptible();

  /** Asks for {@link VcpuExit.InterruptWindow} as soon as {@link #interruptible()}; stays until switched off. */
  void requestInterruptWindow(boolean wanted);

  /**
   * Queues an external interrupt, delivered at the next run before any instruction.
   *
   * @param vector 0..255
   * @throws IllegalStateException if not {@link #interruptible()}
   */
  void injectInterrupt(int vector);

  /** Latches an NMI; it is delivered as soon as NMIs are not blocked. A second one while one is latched is lost (Intel SDM vol. 3A 6.7.1). */
  void injectNmi();

  /**
   * Queues an exception, delivered at the next run before any instruction, with RIP as it stands.
   *
   * @param vector 0..31
   * @param errorCode pushed where the vector has one, else ignored
   */
  void injectException(int vector, int errorCode);

  /**
   * Brings into {@link GuestMemory}'s dirty bitmap the pages that the guest has written and the engine knows of elsewhere (KVM's dirty log). The owner calls it before {@link
   * GuestMemory#harvestDirty}, with the vCPU stopped; for an engine that marks pages as it stores there is nothing to do. Guest-visible state does not change.
   */
  void collectDirty();

  /**
   * The owning thread gives the vCPU up, as its last act with it: another may run it afterwards, or close it. A thread that has run a vCPU calls it before it ends.
   */
  default void release() {}

  /** Releases what the engine holds. Must be called by the owner with the vCPU not running; a second call does nothing. */
  @Override
  void close();
}

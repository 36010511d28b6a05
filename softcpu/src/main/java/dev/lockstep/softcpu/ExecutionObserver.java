package dev.lockstep.softcpu;

/**
 * Sees what a vCPU executes, in program order: see {@link SoftVcpu#observe}. Called on the vCPU's thread, between two instructions; must not touch the vCPU, but may switch {@link
 * SoftVcpu#observeAccesses}. What it throws leaves the vCPU's run.
 *
 * <p>The same execution gives the same instructions, accesses and events however the vCPU is run: in blocks, to points, or by steps. Only how instructions are grouped into calls of {@link #executed}
 * differs.
 */
public interface ExecutionObserver {
  /** What a delivery delivers. */
  enum Delivered {
    /** An exception that an instruction raised, or that was injected. */
    EXCEPTION,
    /** #DB as a trap. */
    DEBUG_TRAP,
    /** An external interrupt. */
    INTERRUPT,
    /** A non-maskable interrupt. */
    NMI
  }

  /** How the guest went into its system, or came back. */
  enum Call {
    /** SYSCALL. */
    SYSCALL,
    /** SYSENTER. */
    SYSENTER,
    /** INT n, INT3, INTO. */
    SOFTWARE_INTERRUPT,
    /** SYSRET. */
    SYSRET,
    /** SYSEXIT. */
    SYSEXIT
  }

  /**
   * Instructions completed.
   *
   * @param code whose first instructions they are
   * @param count how many, from 1
   * @param repeats iterations of the last of them (a repeated string instruction) after its first one; each counts as one instruction more
   * @param accesses what they loaded and stored, in order; empty unless {@link SoftVcpu#observeAccesses}
   */
  void executed(ObservedCode code, int count, int repeats, ObservedAccesses accesses);

  /**
   * An exception or interrupt was delivered.
   *
   * @param vector as raised; where delivery itself failed, the handler is that of what came of it
   * @param errorCode as raised, where the vector has one
   * @param address for a page fault, the linear address; else 0
   * @param from offset in CS of the instruction before which it was delivered
   * @param accesses of the delivery: descriptors, the stack
   */
  void delivered(
      Delivered kind,
      int vector,
      int errorCode,
      long address,
      long from,
      ObservedAccesses accesses);

  /**
   * The instruction reported last was one of these.
   *
   * @param vector of a software interrupt, else 0
   */
  void called(Call call, int vector);

  /**
   * The instruction reported last accessed a port, and was answered.
   *
   * @param width 1, 2 or 4
   * @param value zero-extended
   */
  void port(int port, int width, int value, boolean write);

  /** CR3 has changed, by what was reported last. */
  void pageTable(long from, long to);
}

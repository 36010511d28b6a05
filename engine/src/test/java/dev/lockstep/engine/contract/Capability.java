package dev.lockstep.engine.contract;

/**
 * What an engine may be unable to do on some host. Everything else of the contract is asked of every engine: exits, kicks, injection, state, dirty pages.
 */
public enum Capability {
  /** Executes a million instructions in some seconds. */
  SPEED,
  /** Counts all transfers, so that it has deadlines and points under {@code ALL_TRANSFERS}. */
  COUNT_ALL_TRANSFERS,
  /** Counts conditional branches, so that it has deadlines and points under {@code CONDITIONAL}. */
  COUNT_CONDITIONAL,
  /** {@code runTo}; needs one of the counts. */
  SEEK,
  /** {@code runTo} stops inside a repeated string instruction. */
  SEEK_IN_REPEAT,
  /** {@code step} in ring 0. */
  STEP,
  /** One step of a repeated string instruction is one iteration. */
  STEP_ITERATIONS,
  /** The delivery of an event is a step of its own, without the handler's first instruction. */
  STEP_DELIVERIES,
  /** {@code step} in ring 3. */
  STEP_USER,
  /** Each iteration of a repeated INS or OUTS is an exit that shows RCX counted down. */
  STRING_PORT_ITERATIONS,
  /** The interrupt window opens at the first boundary where an interrupt could be delivered. */
  EXACT_WINDOW,
  /** A memory operand of two or more reads in device memory, or half in it, exits for each part. */
  SPLIT_DEVICE_ACCESS,
  /** CPUID answers what the model says. */
  FROZEN_CPUID,
  /** Unknown MSRs exit. */
  MSR_EXITS,
  /** The guest's own instruction breakpoints, by DR0..DR3. */
  GUEST_BREAKPOINTS,
  /** The guest's own data and port breakpoints. */
  GUEST_WATCHPOINTS,
  /** The guest's own single step, by RFLAGS.TF. */
  GUEST_TRAP_FLAG,
  /** RFLAGS.RF lets the instruction at a breakpoint pass. */
  RESUME_FLAG,
  /** SYSCALL and SYSRET behave as the manual says. */
  SYSTEM_CALLS,
  /** No page is reported dirty that nobody wrote. */
  EXACT_DIRTY,
  /** Accessed and dirty bits of the guest's page tables are written where the manual says, and the page they are in becomes dirty. */
  WALKER_BITS
}

package dev.lockstep.kvmcpu.probe;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * All traits of a host's KVM that Lockstep knows of, as {@link HostProbes} found them. What was not found out counts as not there.
 *
 * @param ring0Native kernels run at the processor's speed
 * @param ring0MillionInstructionsPerSecond how fast ring 0 is
 * @param ring3MillionInstructionsPerSecond how fast ring 3 is
 * @param exitRoundTripNanos from the guest to this process and back, median
 * @param stepExactRing0 single steps in ring 0 stop after each instruction
 * @param stepExactRing3 the same in ring 3
 * @param breakpointsRing0 hardware breakpoints stop ring 0
 * @param breakpointsRing3 hardware breakpoints stop ring 3
 * @param resumeFlagHonoured RFLAGS.RF lets a guest go on from a breakpoint
 * @param watchpointsWork a debugger's data breakpoints stop both rings
 * @param guestWatchpointsFire the guest's own data breakpoints (DR7, R/W = 01) raise #DB
 * @param translationsFollowPaging a write of CR4.PGE by KVM_SET_SREGS makes the vCPU forget all translations, also where somebody else has written the guest's page tables
 * @param cpuidFiltered CPUID answers as set, in both rings
 * @param rdtscTrappable CR4.TSD makes RDTSC fault in ring 3
 * @param syscallFromRing3Works SYSCALL enters ring 0
 * @param irqWindowPrompt a requested interrupt window opens at the first boundary
 * @param msrFilter MSRs outside the filter exit
 * @param dirtyLog the dirty log is complete
 * @param dirtyRing the dirty ring is complete
 * @param hypercallReturns an unknown hypercall comes back
 */
public record HostTraits(
    boolean ring0Native,
    double ring0MillionInstructionsPerSecond,
    double ring3MillionInstructionsPerSecond,
    long exitRoundTripNanos,
    boolean stepExactRing0,
    boolean stepExactRing3,
    boolean breakpointsRing0,
    boolean breakpointsRing3,
    boolean resumeFlagHonoured,
    boolean watchpointsWork,
    boolean guestWatchpointsFire,
    boolean translationsFollowPaging,
    boolean cpuidFiltered,
    boolean rdtscTrappable,
    boolean syscallFromRing3Works,
    boolean irqWindowPrompt,
    boolean msrFilter,
    boolean dirtyLog,
    boolean dirtyRing,
    boolean hypercallReturns) {
  static final String RING0_NATIVE = "ring0_native";
  static final String RING0_SPEED = "ring0_million_instructions_per_second";
  static final String RING3_SPEED = "ring3_million_instructions_per_second";
  static final String EXIT_NANOS = "exit_nanos";
  static final String STEP_RING0 = "step_ring0_exact";
  static final String STEP_RING3 = "step_ring3_exact";
  static final String STEP_HALT_EXITS = "step_halt_exits";
  static final String BREAK_RING0 = "breakpoints_ring0";
  static final String BREAK_RING3 = "breakpoints_ring3";
  static final String RESUME_FLAG = "resume_flag_honoured";
  static final String WATCHPOINTS = "watchpoints_work";
  static final String GUEST_WATCHPOINTS = "guest_watchpoints_fire";
  static final String TRANSLATIONS = "translations_follow_paging";
  static final String CPUID_FILTERED = "cpuid_filtered";
  static final String CPUID_RING0 = "cpuid_ring0_filtered";
  static final String CPUID_RING3 = "cpuid_ring3_filtered";
  static final String RDTSC_TRAPS = "rdtsc_ring3_traps";
  static final String SYSCALL = "syscall_enters_ring0";
  static final String IRQ_WINDOW_PROMPT = "window_prompt";
  static final String MSR_FILTER = "msr_filter";
  static final String DIRTY_LOG = "dirty_log";
  static final String DIRTY_RING = "dirty_ring";
  static final String HYPERCALL_RETURNS = "hypercall_returns";

  /** What findings say. */
  public static HostTraits of(List<Finding> findings) {
    return new HostTraits(
        flag(findings, RING0_NATIVE),
        number(findings, RING0_SPEED),
        number(findings, RING3_SPEED),
        (long) number(findings, EXIT_NANOS),
        flag(findings, STEP_RING0),
        flag(findings, STEP_RING3),
        flag(findings, BREAK_RING0),
        flag(findings, BREAK_RING3),
        flag(findings, RESUME_FLAG),
        flag(findings, WATCHPOINTS),
        flag(findings, GUEST_WATCHPOINTS),
        flag(findings, TRANSLATIONS),
        flag(findings, CPUID_FILTERED),
        flag(findings, RDTSC_TRAPS),
        flag(findings, SYSCALL),
        flag(findings, IRQ_WINDOW_PROMPT),
        flag(findings, MSR_FILTER),
        flag(findings, DIRTY_LOG),
        flag(findings, DIRTY_RING),
        flag(findings, HYPERCALL_RETURNS));
  }

  private static boolean flag(List<Finding> findings, String name) {
    return values(findings, name).anyMatch(Boolean.TRUE::equals);
  }

  private static double number(List<Finding> findings, String name) {
    return values(findings, name)
        .filter(Number.class::isInstance)
        .mapToDouble(value -> ((Number) value).doubleValue())
        .findFirst()
        .orElse(0);
  }

  private static Stream<Object> values(List<Finding> findings, String name) {
    return findings.stream().map(it -> it.values().get(name)).filter(Objects::nonNull);
  }
}

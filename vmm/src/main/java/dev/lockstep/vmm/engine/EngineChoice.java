package dev.lockstep.vmm.engine;

/**
 * An engine, and why.
 *
 * @param engine {@code kvm} or {@code soft}, as configurations name them
 * @param counting by what it counts, where that was left to it
 * @param patchTsc whether the guest must be kept from reading the time-stamp counter by itself
 * @param counter what counts branches, in words; "none" if nothing does
 * @param reason one line without a full stop
 */
public record EngineChoice(
    String engine, Counting counting, boolean patchTsc, String counter, String reason) {
  /** The engines' names. */
  public static final String KVM = "kvm", SOFT = "soft";

  static EngineChoice kvm(String reason) {
    return new EngineChoice(KVM, Counting.AUTO, false, "none", reason);
  }

  /** By a hardware counter. */
  static EngineChoice counted(HostCounter.Fit counter, boolean patchTsc, String reason) {
    String words =
        "exact, %s, by the processor (calibrated skid %,d)"
            .formatted(counter.profile().event(), counter.profile().limits().skidBound());
    return new EngineChoice(KVM, Counting.PERF, patchTsc, words, reason);
  }

  static EngineChoice soft(String reason) {
    return new EngineChoice(
        SOFT, Counting.AUTO, false, "exact, all control transfers, by the software CPU", reason);
  }
}

package dev.lockstep.vmm.engine;

/**
 * An engine, and why.
 *
 * @param engine {@code kvm} or {@code soft}, as configurations name them
 * @param counter what counts branches, in words; "none" if nothing does
 * @param reason one line without a full stop
 */
public record EngineChoice(String engine, String counter, String reason) {
  /** The engines' names. */
  public static final String KVM = "kvm", SOFT = "soft";

  static EngineChoice kvm(String reason) {
    return new EngineChoice(KVM, "none", reason);
  }

  static EngineChoice soft(String reason) {
    return new EngineChoice(SOFT, "exact, all control transfers, by the software CPU", reason);
  }
}

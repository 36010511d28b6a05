package dev.lockstep.vmm.config;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which engine a machine gets, and why: what {@code --engine} decides.
 *
 * @param engine {@code soft} or {@code kvm}
 * @param reason one line for people
 */
public record EngineChoice(String engine, String reason) {
  /** The names that may be asked for. */
  public static final String SOFT = "soft", KVM = "kvm", AUTO = "auto";

  /** All of them. */
  static final List<String> NAMES = List.of(SOFT, KVM, AUTO);

  private static final String NO_COUNTER =
      "kvm has no calibrated branch counter on this host, and only an exact count gives every moment the name that a log needs";

  /**
   * Decides.
   *
   * @param asked one of the names
   * @param model the CPU model that was asked for; null if that is left to the engine
   * @throws VmmException if the engine that was asked for cannot do it, saying what can
   */
  public static EngineChoice choose(String asked, Purpose purpose, @Nullable CpuModel model) {
    return switch (asked) {
      case SOFT -> new EngineChoice(SOFT, "it was asked for");
      case KVM -> {
        if (purpose.needsExactCounts()) {
          throw new VmmException(
              "engine kvm cannot record, replay or replicate here: " + NO_COUNTER,
              "Use --engine soft; on kvm the guest can run freely (lockstep run --engine kvm).");
        }
        yield new EngineChoice(KVM, "it was asked for");
      }
      case AUTO -> automatic(purpose, model);
      default -> throw new IllegalStateException("engine " + asked);
    };
  }

  private static EngineChoice automatic(Purpose purpose, @Nullable CpuModel model) {
    if (purpose.needsExactCounts()) {
      return new EngineChoice(SOFT, NO_COUNTER);
    }
    if (model != null && model.hasTsc()) {
      return new EngineChoice(
          SOFT,
          "CPU model %s has a time-stamp counter, which kvm cannot give".formatted(model.name()));
    }
    try {
      KvmEngine kvm = KvmEngine.ofThisHost();
      if (!kvm.traits().ring0IsNative()) {
        return new EngineChoice(
            SOFT,
            "this host's KVM emulates ring 0, at %.1f million instructions a second"
                .formatted(kvm.traits().ring0PerSecond() / 1e6));
      }
      return new EngineChoice(KVM, "this host's hardware executes ring 0");
    } catch (VmmException e) {
      return new EngineChoice(SOFT, String.valueOf(e.getMessage()));
    }
  }
}

package dev.lockstep.vmm.engine;

import dev.lockstep.engine.CpuModel;
import dev.lockstep.engine.VmmException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code --engine} takes, and what each name gives a machine. */
public final class EngineNames {
  /** Leaves it to {@link EngineChooser}. */
  public static final String AUTO = "auto";

  /** All of them. */
  public static final List<String> ALL = List.of(EngineChoice.SOFT, EngineChoice.KVM, AUTO);

  private EngineNames() {}

  /**
   * The engine of a machine.
   *
   * @param asked one of {@link #ALL}
   * @param model the CPU model that was asked for; null if that is left to the engine
   * @param counting how moments are named
   * @throws VmmException if the engine that was asked for cannot do it, saying what can
   */
  public static EngineChoice choose(
      String asked, Purpose purpose, @Nullable CpuModel model, Counting counting) {
    return switch (asked) {
      case EngineChoice.SOFT -> EngineChoice.soft("it was asked for");
      case EngineChoice.KVM -> {
        if (purpose == Purpose.RECORDED && counting != Counting.AUTO) {
          yield EngineChoice.kvm("it was asked for, with counter " + counting.optionName());
        }
        if (purpose != Purpose.FREE_RUNNING) {
          throw new VmmException(
              "engine kvm cannot do this: "
                  + String.join("; ", new EngineChooser().obstacles(purpose, model)),
              "Use --engine soft; on kvm the guest can run freely (lockstep run --engine kvm), or be recorded by --counter anchors, if it exits often, or --counter step, slowly.");
        }
        yield EngineChoice.kvm("it was asked for");
      }
      case AUTO ->
          model != null && model.hasTsc()
              ? EngineChoice.soft(
                  "CPU model %s has a time-stamp counter, which kvm cannot give"
                      .formatted(model.name()))
              : new EngineChooser().choose(purpose);
      default -> throw new IllegalStateException("engine " + asked);
    };
  }
}

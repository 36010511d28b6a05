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
   * @param host asked what it can do, if that matters
   * @throws VmmException if the engine that was asked for cannot do it, saying what can
   */
  public static EngineChoice choose(
      String asked,
      Purpose purpose,
      @Nullable CpuModel model,
      Counting counting,
      EngineChooser host) {
    return switch (asked) {
      case EngineChoice.SOFT -> EngineChoice.soft("it was asked for");
      case EngineChoice.KVM ->
          switch (purpose) {
            case FREE_RUNNING -> EngineChoice.kvm("it was asked for");
            case RECORDED -> recordedOnKvm(model, counting, host);
            case REPLICATED -> {
              if (counting == Counting.ANCHORS) {
                yield EngineChoice.kvm("it was asked for, to be followed freely");
              }
              throw impossible(host.obstacles(purpose, model));
            }
          };
      case AUTO ->
          model != null && model.hasTsc()
              ? EngineChoice.soft(
                  "CPU model %s has a time-stamp counter, which kvm cannot give"
                      .formatted(model.name()))
              : host.choose(
                  // What is followed freely need not be repeated.
                  purpose == Purpose.REPLICATED && counting == Counting.ANCHORS
                      ? Purpose.FREE_RUNNING
                      : purpose);
      default -> throw new IllegalStateException("engine " + asked);
    };
  }

  private static EngineChoice recordedOnKvm(
      @Nullable CpuModel model, Counting counting, EngineChooser host) {
    String asked = "it was asked for, with counter " + counting.optionName();
    return switch (counting) {
      case STEP, ANCHORS -> EngineChoice.kvm(asked);
      case PERF ->
          switch (host.counter()) {
            case HostCounter.Fit it ->
                EngineChoice.counted(it, host.unrepeatedReads(model).isEmpty(), asked);
            case HostCounter.Unfit(String reason, String advice) ->
                throw new VmmException(
                    "there is no counter perf on this host: " + reason,
                    advice + " A log replays on --engine soft whatever counted it.");
          };
      case AUTO -> {
        List<String> obstacles = host.obstacles(Purpose.RECORDED, model);
        if (obstacles.isEmpty() && host.counter() instanceof HostCounter.Fit it) {
          yield EngineChoice.counted(it, true, "it was asked for");
        }
        throw impossible(obstacles);
      }
    };
  }

  private static VmmException impossible(List<String> obstacles) {
    return new VmmException(
        "engine kvm cannot do this: " + String.join("; ", obstacles),
        "Use --engine soft; on kvm the guest can run freely (lockstep run --engine kvm), be recorded by --counter anchors, if it exits often, or --counter step, slowly, or be one of a pair with --following free-running.");
  }
}

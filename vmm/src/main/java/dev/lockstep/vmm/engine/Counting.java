package dev.lockstep.vmm.engine;

import dev.lockstep.engine.BranchSemantics;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** How the moments of a machine get their names: what {@code --counter} takes. */
public enum Counting {
  /** By what the engine counts itself, {@code soft} by its own and {@code kvm} by {@link #PERF}. */
  AUTO("auto"),

  /** By the processor's counter of conditional branches, where it is calibrated ({@link HostCounter}): at full speed, and exact. */
  PERF("perf"),

  /** By stepping every instruction ({@link dev.lockstep.counting.StepCountedVcpu}): exact on every host, some ten thousand instructions a second. */
  STEP("step"),

  /** By the exits that the guest makes ({@link dev.lockstep.counting.anchor.AnchoredVcpu}): at full speed, and exact for guests that exit often. */
  ANCHORS("anchors");

  /** The names of all. */
  public static final List<String> NAMES =
      Arrays.stream(values()).map(Counting::optionName).toList();

  private final String optionName;

  Counting(String optionName) {
    this.optionName = optionName;
  }

  /** The name in options and configurations. */
  public String optionName() {
    return optionName;
  }

  /** The one of that name. */
  public static Optional<Counting> named(String name) {
    return Arrays.stream(values()).filter(it -> it.optionName.equals(name)).findFirst();
  }

  /** What a log that is recorded so counts. */
  public BranchSemantics semantics() {
    return switch (this) {
      case ANCHORS -> BranchSemantics.ANCHORS;
      case PERF -> BranchSemantics.CONDITIONAL;
      case AUTO, STEP -> BranchSemantics.ALL_TRANSFERS;
    };
  }
}

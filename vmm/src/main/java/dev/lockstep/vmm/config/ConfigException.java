package dev.lockstep.vmm.config;

import dev.lockstep.engine.VmmException;
import java.util.List;

/** A configuration has problems; all that were found are told. */
public final class ConfigException extends VmmException {
  private static final long serialVersionUID = 1L;

  /** At most so many are told; the rest is likely to follow from them. */
  private static final int MAX_TOLD = 20;

  private final transient List<Problem> problems;

  /**
   * One thing that is wrong.
   *
   * @param origin where it was said
   * @param what is wrong, and what would be right
   */
  public record Problem(Origin origin, String what) {
    @Override
    public String toString() {
      return origin + ": " + what;
    }
  }

  /**
   * @param problems at least one
   */
  public ConfigException(List<Problem> problems) {
    super(message(problems), problems.size() == 1 ? "Correct it." : "Correct them.");
    this.problems = List.copyOf(problems);
  }

  /** All problems, in the order of finding. */
  public List<Problem> problems() {
    return problems;
  }

  private static String message(List<Problem> problems) {
    if (problems.isEmpty()) {
      throw new IllegalArgumentException("no problems");
    }
    StringBuilder text = new StringBuilder();
    for (Problem problem : problems.subList(0, Math.min(problems.size(), MAX_TOLD))) {
      text.append(text.isEmpty() ? "" : "\n").append(problem);
    }
    if (problems.size() > MAX_TOLD) {
      text.append("\nand %d more".formatted(problems.size() - MAX_TOLD));
    }
    return text.toString();
  }
}

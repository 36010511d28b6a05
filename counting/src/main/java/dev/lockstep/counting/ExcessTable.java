package dev.lockstep.counting;

import java.util.EnumMap;
import java.util.Map;

/**
 * What each transition that the monitor sees adds to a counter, in events: the constants of calibration, subtracted by {@link HardwareCounter}.
 *
 * @param perTransition events for one transition, possibly negative; a kind that is missing adds nothing. Only visible kinds
 */
public record ExcessTable(Map<Transition, Long> perTransition) {
  /** Nothing is subtracted. */
  public static final ExcessTable NONE = new ExcessTable(Map.of());

  /** Checks that nothing is promised that cannot be kept. */
  public ExcessTable {
    EnumMap<Transition, Long> copy = new EnumMap<>(Transition.class);
    copy.putAll(perTransition);
    copy.values().removeIf(value -> value == 0);
    for (Transition kind : copy.keySet()) {
      if (!kind.isVisible()) {
        throw new IllegalArgumentException(
            "an excess of %d for each %s cannot be subtracted: the monitor does not see it"
                .formatted(copy.get(kind), kind.words()));
      }
    }
    perTransition = Map.copyOf(copy);
  }

  /** Events that one transition adds. */
  public long of(Transition kind) {
    Long value = perTransition.get(kind);
    return value == null ? 0 : value;
  }
}

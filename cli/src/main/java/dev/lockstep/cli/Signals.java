package dev.lockstep.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/** Reactions to signals of the process; the former ones come back at {@link #close}. */
final class Signals implements AutoCloseable {
  private final Map<String, Object> former = new LinkedHashMap<>();

  /**
   * Reacts to a signal from now on.
   *
   * @param name without SIG
   * @param action called on a thread of its own
   */
  Signals on(String name, Runnable action) {
    Object before = org.jline.utils.Signals.register(name, action);
    if (before != null) {
      former.putIfAbsent(name, before);
    }
    return this;
  }

  @Override
  public void close() {
    former.forEach(org.jline.utils.Signals::unregister);
    former.clear();
  }
}

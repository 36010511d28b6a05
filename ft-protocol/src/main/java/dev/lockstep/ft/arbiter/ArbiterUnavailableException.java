package dev.lockstep.ft.arbiter;

import org.jspecify.annotations.Nullable;

/** The arbiter cannot be reached now. Nothing is decided by that: the caller waits and asks again. */
public final class ArbiterUnavailableException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what failed and where
   */
  public ArbiterUnavailableException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}

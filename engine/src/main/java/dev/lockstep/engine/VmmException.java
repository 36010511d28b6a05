package dev.lockstep.engine;

/**
 * The host or the environment failed us: a file that is not there, a kernel that refuses, a peer that does not fit. The message says what happened and where, {@link #advice()} what to do about it.
 * Shown to users without a stack trace.
 */
public class VmmException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String advice;

  /**
   * @param message what happened and where, one sentence without a full stop at the end
   * @param advice what the user can do, one sentence
   */
  public VmmException(String message, String advice) {
    super(message);
    this.advice = advice;
  }

  /** As {@link #VmmException(String, String)}, with the failure underneath. */
  public VmmException(String message, String advice, Throwable cause) {
    super(message, cause);
    this.advice = advice;
  }

  /** What the user can do about it. */
  public String advice() {
    return advice;
  }
}

package dev.lockstep.softcpu;

/**
 * Unwinds out of an operation that had no effect yet: to start it over alone, or to leave the engine with the exit that {@link Exits} holds. Preallocated, without a stack trace.
 */
final class ExitSignal extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ExitSignal(String message) {
    super(message, null, false, false);
  }
}

package dev.lockstep.cli;

import dev.lockstep.engine.VmmException;

/** A failure with an exit status of its own. */
final class StatusException extends VmmException {
  private static final long serialVersionUID = 1L;

  private final int status;

  StatusException(int status, VmmException cause) {
    super(String.valueOf(cause.getMessage()), cause.advice(), cause);
    this.status = status;
  }

  int status() {
    return status;
  }
}

package dev.lockstep.vmm.log;

import java.io.IOException;

/** Bytes that are not what the event log's format says. */
public final class LogFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Says what is wrong with the bytes. */
  public LogFormatException(String message) {
    super(message);
  }
}

package dev.lockstep.vmm.trace;

import java.io.IOException;

/** Bytes that are not what the trace file's format says. */
public final class TraceFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Says what is wrong with the bytes. */
  public TraceFormatException(String message) {
    super(message);
  }
}

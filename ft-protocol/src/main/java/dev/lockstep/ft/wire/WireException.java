package dev.lockstep.ft.wire;

import java.io.IOException;

/** Bytes from a peer that are not what a peer of this version sends. The connection they came by is of no more use. */
public final class WireException extends IOException {
  private static final long serialVersionUID = 1L;

  public WireException(String message) {
    super(message);
  }
}

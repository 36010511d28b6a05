package dev.lockstep.ft.net;

import dev.lockstep.ft.tls.TlsFailures;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The two ends of a connection do not agree about TLS: one has it and the other has not, or one does not take the other's certificate. */
final class TlsException extends IOException {
  private static final long serialVersionUID = 1L;

  private TlsException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** Seen by an end that has no TLS. */
  static TlsException here() {
    return new TlsException(
        "it speaks TLS and this replica does not: give both ends --tls, or neither", null);
  }

  /** Seen by an end that has TLS: the other has not. */
  static TlsException there() {
    return new TlsException(
        "it does not speak TLS and this replica does: give both ends --tls, or neither", null);
  }

  /** Whoever dialled that address found that. */
  static TlsException with(@Nullable Object address, @Nullable Throwable failure) {
    String why =
        failure instanceof TlsException
            ? String.valueOf(failure.getMessage())
            : TlsFailures.describe(failure).orElse("the connection closed in TLS's handshake");
    return new TlsException(
        "no link with %s: %s".formatted(ReplicationServer.text(address), why), failure);
  }
}

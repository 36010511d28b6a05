package dev.lockstep.ft.tls;

import io.netty.handler.ssl.NotSslRecordException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.Optional;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** Why a handshake failed, in words of somebody who made certificates. */
public final class TlsFailures {
  /** Content types of TLS records that begin a connection (RFC 8446, 5.1): an alert, and a handshake. */
  private static final int ALERT = 0x15;

  private static final int HANDSHAKE = 0x16;
  private static final int MAJOR_VERSION = 0x03;
  private static final int MAX_DEPTH = 10;

  private TlsFailures() {}

  /** Whether a connection that begins with those two bytes speaks TLS. */
  public static boolean isTls(int firstByte, int secondByte) {
    return (firstByte == ALERT || firstByte == HANDSHAKE) && secondByte == MAJOR_VERSION;
  }

  /** A sentence's end about a failure; empty if TLS has nothing to do with it. */
  public static Optional<String> describe(@Nullable Throwable failure) {
    @Nullable String told = null;
    Throwable each = failure;
    for (int depth = 0; each != null && depth < MAX_DEPTH; depth++) {
      String known = known(each);
      if (known != null) {
        told = known;
      }
      each = each.getCause();
    }
    return Optional.ofNullable(told);
  }

  private static @Nullable String known(Throwable failure) {
    String message = String.valueOf(failure.getMessage());
    return switch (failure) {
      case NotSslRecordException _ -> "it does not speak TLS: give both ends --tls, or neither";
      case CertificateExpiredException _ -> "its certificate has ended; have it renewed";
      case CertificateNotYetValidException _ ->
          "its certificate is not valid yet; compare the clocks of both hosts";
      case SSLException _ when message.contains("unable to find valid certification path") ->
          "its certificate is not of the authority that this end trusts";
      case SSLException _ when message.contains("Empty client certificate chain") ->
          "it shows no certificate";
      case SSLException _ when message.contains("No subject alternative") ->
          "its certificate has not the name that was dialled (%s); issue one with all its names"
              .formatted(message);
      case SSLException _ when isRefusal(message) ->
          "it does not take this end's certificate (%s)".formatted(message);
      case SSLException _ -> message;
      default -> null;
    };
  }

  private static boolean isRefusal(String message) {
    return message.contains("certificate_required")
        || message.contains("certificate_unknown")
        || message.contains("bad_certificate")
        || message.contains("certificate_expired")
        || message.contains("unknown_ca");
  }
}

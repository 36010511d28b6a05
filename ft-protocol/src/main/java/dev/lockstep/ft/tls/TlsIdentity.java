package dev.lockstep.ft.tls;

import dev.lockstep.engine.VmmException;
import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/** One end's certificate, key and authorities, as its files have them now. Safe for use by several threads. */
public final class TlsIdentity {
  /** The one version of the protocol. */
  public static final String PROTOCOL = "TLSv1.3";

  /** So long before a certificate ends it is said. */
  public static final Duration WARNING = Duration.ofDays(30);

  private static final AtomicLong GENERATIONS = new AtomicLong();

  private final TlsFiles files;
  private TlsMaterial current;

  /** Handshakes under way may have begun with it. */
  private @Nullable TlsMaterial previous;

  private String refusedStamp = "";

  private TlsIdentity(TlsFiles files, TlsMaterial first) {
    this.files = files;
    current = first;
  }

  /**
   * Reads the files.
   *
   * @throws VmmException if one is missing, damaged or does not fit the others, or the certificate is not valid at this time
   */
  public static TlsIdentity load(TlsFiles files) {
    try {
      TlsIdentity identity = new TlsIdentity(files, TlsMaterial.load(files, alias()));
      identity.requireValid(Clock.systemUTC().instant());
      return identity;
    } catch (NoSuchFileException e) {
      throw new VmmException(
          "there is no '%s', which TLS needs".formatted(e.getMessage()),
          "Have it made by 'lockstep pki issue', or name the files by --tls-cert, --tls-key and --tls-ca.",
          e);
    } catch (IOException | GeneralSecurityException e) {
      throw new VmmException(
          "the files for TLS cannot be used: " + e.getMessage(),
          "Have them made by 'lockstep pki issue', or give others.",
          e);
    }
  }

  private static String alias() {
    return "lockstep-" + GENERATIONS.incrementAndGet();
  }

  private void requireValid(Instant now) {
    X509Certificate certificate = current.certificate();
    if (now.isAfter(certificate.getNotAfter().toInstant())
        || now.isBefore(certificate.getNotBefore().toInstant())) {
      throw new VmmException(
          "the certificate in '%s' is valid from %s to %s, and it is %s now"
              .formatted(
                  files.certificate(),
                  certificate.getNotBefore().toInstant(),
                  certificate.getNotAfter().toInstant(),
                  now.truncatedTo(ChronoUnit.SECONDS)),
          "Renew it by 'lockstep pki renew' and copy it here, or set this host's clock.");
    }
  }

  /** What there is to say about the certificate's end at that time; empty as long as it is {@link #WARNING} away. */
  public Optional<String> warning(Instant now) {
    Instant end = material().certificate().getNotAfter().toInstant();
    Duration left = Duration.between(now, end);
    if (left.compareTo(WARNING) > 0) {
      return Optional.empty();
    }
    return Optional.of(
        left.isNegative()
            ? "the certificate in '%s' has ended on %s: no peer takes it any more; renew it ('lockstep pki renew'), no restart is needed"
                .formatted(files.certificate(), end)
            : "the certificate in '%s' ends on %s, in %d days: renew it ('lockstep pki renew'), no restart is needed"
                .formatted(files.certificate(), end, left.toDays()));
  }

  /** The certificate that the next handshake shows. */
  public X509Certificate certificate() {
    return material().certificate();
  }

  /** Chooses this end's certificate, anew at each handshake; for contexts that others make. */
  public KeyManager keyManager() {
    return new CurrentKeys(this);
  }

  /** Judges the other end's certificate by the authorities of the moment; for contexts that others make. */
  public TrustManager trustManager() {
    return new CurrentTrust(this);
  }

  /**
   * A context for those who dial: they show their certificate, and take a server only if its certificate has the name that was dialled.
   *
   * @throws VmmException if this Java cannot do it
   */
  public SslContext client() {
    return build(SslContextBuilder.forClient().keyManager(keyManager()));
  }

  /**
   * A context for those who listen: whoever has no certificate of an authority's gets no answer.
   *
   * @throws VmmException if this Java cannot do it
   */
  public SslContext server() {
    return build(listening());
  }

  /** As {@link #client}, for gRPC. */
  public SslContext grpcClient() {
    return build(
        GrpcSslContexts.configure(
            SslContextBuilder.forClient().keyManager(keyManager()), SslProvider.JDK));
  }

  /** As {@link #server}, for gRPC. */
  public SslContext grpcServer() {
    return build(GrpcSslContexts.configure(listening(), SslProvider.JDK));
  }

  private SslContextBuilder listening() {
    return SslContextBuilder.forServer(keyManager())
        .clientAuth(ClientAuth.REQUIRE)
        // A resumed session would show no certificate again, whatever has become of it since.
        .sessionCacheSize(1)
        .sessionTimeout(1);
  }

  private SslContext build(SslContextBuilder builder) {
    try {
      return builder
          .trustManager(trustManager())
          .sslProvider(SslProvider.JDK)
          .protocols(PROTOCOL)
          .build();
    } catch (SSLException e) {
      throw new VmmException(
          "TLS cannot be set up: " + e.getMessage(), "Use a JDK that has TLS 1.3.", e);
    }
  }

  /** As the files are now; while they are being replaced, or if they are damaged, as they were. */
  synchronized TlsMaterial material() {
    try {
      String stamp = TlsMaterial.stamp(files);
      if (!stamp.equals(current.stamp()) && !stamp.equals(refusedStamp)) {
        refusedStamp = stamp;
        TlsMaterial next = TlsMaterial.load(files, alias());
        previous = current;
        current = next;
      }
    } catch (IOException | GeneralSecurityException e) {
      // A certificate without its key yet, or a file that is gone: the next handshake looks again
      // if they have changed by then.
      return current;
    }
    return current;
  }

  /** The material that has that alias, if it is one of the last two. */
  synchronized @Nullable TlsMaterial material(String alias) {
    TlsMaterial before = previous;
    if (alias.equals(current.alias())) {
      return current;
    }
    return before != null && alias.equals(before.alias()) ? before : null;
  }
}

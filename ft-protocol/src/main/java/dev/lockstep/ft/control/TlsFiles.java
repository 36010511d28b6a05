package dev.lockstep.ft.control;

import dev.lockstep.engine.VmmException;
import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What one side of mutual TLS needs, in PEM files. TLS 1.3 alone is spoken.
 *
 * @param certificate of this side, with what leads from it to the authority
 * @param key of the certificate, PKCS#8, not encrypted
 * @param authority whose certificates the other side may have
 */
public record TlsFiles(Path certificate, Path key, Path authority) {
  private static final String VERSION = "TLSv1.3";

  /**
   * For a server: a client without a certificate of the authority gets nothing.
   *
   * @throws VmmException if a file is missing or not what it should be
   */
  SslContext server() {
    requireReadable();
    try {
      return build(
          SslContextBuilder.forServer(certificate.toFile(), key.toFile())
              .clientAuth(ClientAuth.REQUIRE));
    } catch (IllegalArgumentException e) {
      throw unusable(e);
    }
  }

  /**
   * For a client.
   *
   * @throws VmmException if a file is missing or not what it should be
   */
  SslContext client() {
    requireReadable();
    try {
      return build(SslContextBuilder.forClient().keyManager(certificate.toFile(), key.toFile()));
    } catch (IllegalArgumentException e) {
      throw unusable(e);
    }
  }

  private SslContext build(SslContextBuilder builder) {
    try {
      return GrpcSslContexts.configure(
              builder.trustManager(authority.toFile()).protocols(VERSION), SslProvider.JDK)
          .build();
    } catch (IOException | IllegalArgumentException e) {
      throw unusable(e);
    }
  }

  private VmmException unusable(Exception e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return new VmmException(
        "certificate '%s', key '%s' and authority '%s' cannot be used for TLS: %s"
            .formatted(certificate, key, authority, cause.getMessage()),
        "Give PEM files, the key in PKCS#8 without a password, as 'lockstep pki' makes them.",
        e);
  }

  private void requireReadable() {
    for (Path file : new Path[] {certificate, key, authority}) {
      if (!Files.isReadable(file)) {
        throw new VmmException(
            "TLS file '%s' cannot be read".formatted(file), "Check the path and its permissions.");
      }
    }
  }
}

package dev.lockstep.ft.tls;

import java.nio.file.Path;

/**
 * Where one end's PEM files are.
 *
 * @param certificate its certificate, with those between it and the authority behind it
 * @param key its private key (PKCS #8, or what openssl writes for EC and RSA), not encrypted
 * @param authorities the certificates of those whose word counts about the other end
 */
public record TlsFiles(Path certificate, Path key, Path authorities) {
  /** Names within a folder, as {@code lockstep pki issue} writes them. */
  public static final String CERTIFICATE = "cert.pem";

  /** See {@link #CERTIFICATE}. */
  public static final String KEY = "key.pem";

  /** See {@link #CERTIFICATE}. */
  public static final String AUTHORITIES = "ca.pem";

  /** The three files of a folder. */
  public static TlsFiles in(Path folder) {
    return new TlsFiles(
        folder.resolve(CERTIFICATE), folder.resolve(KEY), folder.resolve(AUTHORITIES));
  }
}

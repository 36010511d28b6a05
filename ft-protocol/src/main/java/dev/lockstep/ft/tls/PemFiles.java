package dev.lockstep.ft.tls;

import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMException;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

/** Certificates and keys from PEM files. Whatever is wrong is a {@link GeneralSecurityException} or an {@link IOException} with a sentence's end about the file. */
public final class PemFiles {
  private static final long MAX_BYTES = 1 << 20;

  private PemFiles() {}

  /** Every certificate of a file, at least one. */
  public static List<X509Certificate> certificates(Path file)
      throws IOException, GeneralSecurityException {
    List<X509Certificate> found = new ArrayList<>();
    JcaX509CertificateConverter converter = new JcaX509CertificateConverter();
    for (Object each : objects(file)) {
      if (each instanceof X509CertificateHolder holder) {
        found.add(converter.getCertificate(holder));
      }
    }
    if (found.isEmpty()) {
      throw new CertificateException("'%s' has no certificate in it".formatted(file));
    }
    return List.copyOf(found);
  }

  /** The one private key of a file. */
  public static PrivateKey key(Path file) throws IOException, GeneralSecurityException {
    JcaPEMKeyConverter converter = new JcaPEMKeyConverter();
    for (Object each : objects(file)) {
      if (each instanceof PrivateKeyInfo info) {
        return converter.getPrivateKey(info);
      }
      if (each instanceof PEMKeyPair pair) {
        return converter.getKeyPair(pair).getPrivate();
      }
    }
    throw new CertificateException(
        "'%s' has no private key in it that is not encrypted".formatted(file));
  }

  private static List<Object> objects(Path file) throws IOException, GeneralSecurityException {
    if (Files.size(file) > MAX_BYTES) {
      throw new CertificateException("'%s' is too large for a PEM file".formatted(file));
    }
    List<Object> found = new ArrayList<>();
    try (Reader text = new StringReader(Files.readString(file, StandardCharsets.ISO_8859_1));
        PEMParser parser = new PEMParser(text)) {
      for (Object each = parser.readObject(); each != null; each = parser.readObject()) {
        found.add(each);
      }
    } catch (PEMException | IllegalArgumentException | IllegalStateException e) {
      throw new CertificateException("'%s' is damaged: %s".formatted(file, e.getMessage()), e);
    }
    return found;
  }
}

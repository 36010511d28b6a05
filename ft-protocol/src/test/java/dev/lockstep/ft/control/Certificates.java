package dev.lockstep.ft.control;

import dev.lockstep.ft.tls.TlsFiles;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.Date;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An authority and the PEM files of those that it vouches for. */
final class Certificates {
  private final Path folder;
  private final String name;
  private final KeyPair key;

  Certificates(Path folder, String name) throws Exception {
    this.folder = Files.createDirectories(folder.resolve(name));
    this.name = name;
    key = newKey();
    write("ca.pem", "CERTIFICATE", issue("authority", key, Instant.now(), true).getEncoded());
  }

  private static KeyPair newKey() throws GeneralSecurityException {
    return KeyPairGenerator.getInstance("EC").generateKeyPair();
  }

  /** Files of somebody whose certificate is valid for a day. */
  TlsFiles of(String who) throws Exception {
    return of(who, Instant.now());
  }

  /** Files of somebody whose certificate's day has passed. */
  TlsFiles expired(String who) throws Exception {
    return of(who, Instant.now().minus(10, ChronoUnit.DAYS));
  }

  private TlsFiles of(String who, Instant from) throws Exception {
    KeyPair theirs = newKey();
    write(who + ".pem", "CERTIFICATE", issue(who, theirs, from, false).getEncoded());
    write(who + "-key.pem", "PRIVATE KEY", theirs.getPrivate().getEncoded());
    return new TlsFiles(
        folder.resolve(who + ".pem"), folder.resolve(who + "-key.pem"), folder.resolve("ca.pem"));
  }

  private X509Certificate issue(String who, KeyPair theirs, Instant from, boolean authority)
      throws GeneralSecurityException, OperatorCreationException, IOException {
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            new X500Principal("CN=authority " + name),
            BigInteger.valueOf(System.nanoTime()),
            Date.from(from.minus(1, ChronoUnit.HOURS)),
            Date.from(from.plus(1, ChronoUnit.DAYS)),
            new X500Principal(authority ? "CN=authority " + name : "CN=" + who),
            theirs.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
    if (!authority) {
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(
              new GeneralName[] {
                new GeneralName(GeneralName.dNSName, who),
                new GeneralName(GeneralName.iPAddress, "127.0.0.1")
              }));
    }
    return new JcaX509CertificateConverter()
        .getCertificate(
            builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key.getPrivate())));
  }

  private void write(String file, String what, byte[] der) throws IOException {
    String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
    Files.writeString(
        folder.resolve(file),
        "-----BEGIN %s-----\n%s\n-----END %s-----\n".formatted(what, body, what));
  }
}

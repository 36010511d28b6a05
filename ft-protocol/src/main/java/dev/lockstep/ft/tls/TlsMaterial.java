package dev.lockstep.ft.tls;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * What the three files held at one moment.
 *
 * @param alias the key's name, no other material's
 * @param stamp tells one state of the files from another
 */
record TlsMaterial(
    String alias,
    String stamp,
    List<X509Certificate> chain,
    X509ExtendedKeyManager keys,
    X509ExtendedTrustManager trust) {

  /** When the own certificate, the first of the chain, ends. */
  X509Certificate certificate() {
    return chain.getFirst();
  }

  static String stamp(TlsFiles files) throws IOException {
    return stamp(files.certificate()) + stamp(files.key()) + stamp(files.authorities());
  }

  private static String stamp(Path file) throws IOException {
    BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
    return "%s %s %d;".formatted(now.fileKey(), now.lastModifiedTime(), now.size());
  }

  static TlsMaterial load(TlsFiles files, String alias)
      throws IOException, GeneralSecurityException {
    String stamp = stamp(files);
    List<X509Certificate> chain = PemFiles.certificates(files.certificate());
    PrivateKey key = PemFiles.key(files.key());
    if (!belong(key, chain.getFirst().getPublicKey())) {
      throw new CertificateException(
          "the key in '%s' is not that of the certificate in '%s'"
              .formatted(files.key(), files.certificate()));
    }
    List<X509Certificate> authorities = PemFiles.certificates(files.authorities());
    return new TlsMaterial(alias, stamp, chain, keys(alias, key, chain), trust(authorities));
  }

  private static boolean belong(PrivateKey key, PublicKey publicKey)
      throws GeneralSecurityException {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "EC" -> "SHA256withECDSA";
          case "RSA" -> "SHA256withRSA";
          default -> key.getAlgorithm();
        };
    if (!publicKey.getAlgorithm().equals(key.getAlgorithm())) {
      return false;
    }
    byte[] sample = new byte[32];
    new SecureRandom().nextBytes(sample);
    Signature signer = Signature.getInstance(algorithm);
    signer.initSign(key);
    signer.update(sample);
    byte[] signature = signer.sign();
    signer.initVerify(publicKey);
    signer.update(sample);
    return signer.verify(signature);
  }

  private static X509ExtendedKeyManager keys(
      String alias, PrivateKey key, List<X509Certificate> chain)
      throws IOException, GeneralSecurityException {
    char[] nobody = {};
    KeyStore store = empty();
    store.setKeyEntry(alias, key, nobody, chain.toArray(X509Certificate[]::new));
    KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
    factory.init(store, nobody);
    for (KeyManager each : factory.getKeyManagers()) {
      if (each instanceof X509ExtendedKeyManager it) {
        return it;
      }
    }
    throw new CertificateException("this Java has no X.509 key manager");
  }

  private static X509ExtendedTrustManager trust(List<X509Certificate> authorities)
      throws IOException, GeneralSecurityException {
    KeyStore store = empty();
    for (int i = 0; i < authorities.size(); i++) {
      store.setCertificateEntry("authority-" + i, authorities.get(i));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(store);
    for (TrustManager each : factory.getTrustManagers()) {
      if (each instanceof X509ExtendedTrustManager it) {
        return it;
      }
    }
    throw new CertificateException("this Java has no X.509 trust manager");
  }

  private static KeyStore empty() throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }
}

package dev.lockstep.ft.pki;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.tls.PemFiles;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CertificateAuthorityTest {
  private static final Duration YEAR = Duration.ofDays(365);
  private static final Duration TEN_YEARS = Duration.ofDays(3_650);

  @TempDir private Path folder;
  private final Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);

  @Test
  void aHostsCertificateHasItsNamesAndItsEnd() throws Exception {
    CertificateAuthority authority = create();
    HostCertificate made =
        authority.issue("host-a", List.of("host-a.lan", "10.0.0.7", "::1"), YEAR, now);
    assertThat(made.names()).containsExactly("host-a", "host-a.lan", "10.0.0.7", "0:0:0:0:0:0:0:1");
    assertThat(made.end()).isEqualTo(now.plus(YEAR));
    X509Certificate certificate =
        PemFiles.certificates(made.folder().resolve("cert.pem")).getFirst();
    certificate.verify(
        PemFiles.certificates(made.folder().resolve("ca.pem")).getFirst().getPublicKey());
    assertThat(certificate.getBasicConstraints()).as("is no authority").isEqualTo(-1);
    assertThat(certificate.getExtendedKeyUsage()).hasSize(2);
    assertThat(CertificateAuthority.open(pki()).list()).containsExactly(made);
    assertThat(TlsIdentity.load(TlsFiles.in(made.folder())).warning(now)).isEmpty();
  }

  @Test
  void keysAreTheirOwnersAlone() throws Exception {
    create().issue("host-a", List.of(), YEAR, now);
    try (Stream<Path> files = Files.walk(pki())) {
      for (Path file : files.toList()) {
        String mode = PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
        String name = file.getFileName().toString();
        if (Files.isDirectory(file)) {
          assertThat(mode).as(file.toString()).isEqualTo("rwx------");
        } else {
          assertThat(mode)
              .as(file.toString())
              .isEqualTo(name.endsWith("key.pem") ? "rw-------" : "rw-r--r--");
        }
        assertThat(name).doesNotEndWith(".new");
      }
    }
  }

  @Test
  void nothingIsOverwritten() {
    CertificateAuthority authority = create();
    authority.issue("a", List.of(), YEAR, now);
    refused(() -> authority.issue("a", List.of(), YEAR, now), "certificate for 'a' already");
    refused(() -> CertificateAuthority.create(pki(), YEAR, now), "an authority in");
    refused(() -> authority.renew("b", YEAR, now), "no certificate for 'b'");
    refused(() -> CertificateAuthority.open(folder.resolve("none")), "there is no authority");
  }

  @Test
  void namesThatAreNoneAreRefused() {
    CertificateAuthority authority = create();
    for (String name : List.of("../a", "", "a b", "a/b", "x".repeat(70), "-a")) {
      refused(() -> authority.issue(name, List.of(), YEAR, now), "is no name of a host");
      refused(() -> authority.issue("good", List.of(name), YEAR, now), "is no name of a host");
    }
    assertThat(authority.list()).isEmpty();
  }

  @Test
  void aCertificateEndsNoLaterThanItsAuthorityAndNoneIsIssuedAfterwards() {
    CertificateAuthority authority = create();
    Instant late = now.plus(TEN_YEARS).minus(Duration.ofDays(10));
    assertThat(authority.issue("late", List.of(), YEAR, late).end()).isEqualTo(authority.end());
    refused(() -> authority.issue("later", List.of(), YEAR, authority.end()), "has ended on");
  }

  @Test
  void theEndOfACertificateIsToldBeforeItComesAndRefusedAfterwards() {
    CertificateAuthority authority = create();
    HostCertificate made = authority.issue("a", List.of(), Duration.ofDays(40), now);
    TlsIdentity identity = TlsIdentity.load(TlsFiles.in(made.folder()));
    assertThat(identity.warning(now)).isEmpty();
    assertThat(identity.warning(now.plus(Duration.ofDays(20))).orElseThrow())
        .contains("in 20 days", "lockstep pki renew");
    assertThat(identity.warning(now.plus(Duration.ofDays(41))).orElseThrow()).contains("has ended");
    HostCertificate ended =
        authority.issue("b", List.of(), Duration.ofDays(1), now.minus(Duration.ofDays(2)));
    refused(() -> TlsIdentity.load(TlsFiles.in(ended.folder())), "is valid from");
  }

  @Test
  void filesThatDoNotFitAreNamed() throws Exception {
    CertificateAuthority authority = create();
    Path a = authority.issue("a", List.of(), YEAR, now).folder();
    Path b = authority.issue("b", List.of(), YEAR, now).folder();
    refused(
        () ->
            TlsIdentity.load(
                new TlsFiles(a.resolve("cert.pem"), b.resolve("key.pem"), a.resolve("ca.pem"))),
        "is not that of the certificate");
    refused(() -> TlsIdentity.load(TlsFiles.in(folder.resolve("none"))), "cert.pem");
    Files.writeString(a.resolve("key.pem"), "rubbish");
    refused(() -> TlsIdentity.load(TlsFiles.in(a)), "no private key");
    String key = Files.readString(b.resolve("key.pem"));
    Files.writeString(b.resolve("key.pem"), key.replace("\nM", "\nA"));
    refused(() -> TlsIdentity.load(TlsFiles.in(b)), "key.pem");
  }

  @Test
  void aRenewedCertificateIsTakenAndAHalfRenewedOneIsNot() throws Exception {
    CertificateAuthority authority = create();
    HostCertificate before = authority.issue("a", List.of("10.0.0.7"), YEAR, now);
    TlsIdentity identity = TlsIdentity.load(TlsFiles.in(before.folder()));
    X509Certificate first = identity.certificate();
    Path key = before.folder().resolve("key.pem");
    byte[] oldKey = Files.readAllBytes(key);
    HostCertificate renewed = authority.renew("a", YEAR.multipliedBy(2), now);
    assertThat(renewed.names()).isEqualTo(before.names());
    byte[] newKey = Files.readAllBytes(key);
    Files.write(key, oldKey);
    assertThat(identity.certificate()).as("its key is not there yet").isEqualTo(first);
    Files.write(key, newKey);
    assertThat(identity.certificate().getNotAfter().toInstant()).isEqualTo(renewed.end());
  }

  private Path pki() {
    return folder.resolve("pki");
  }

  private CertificateAuthority create() {
    return CertificateAuthority.create(pki(), TEN_YEARS, now);
  }

  private static void refused(Runnable action, String says) {
    assertThatThrownBy(action::run).isInstanceOf(VmmException.class).hasMessageContaining(says);
  }
}

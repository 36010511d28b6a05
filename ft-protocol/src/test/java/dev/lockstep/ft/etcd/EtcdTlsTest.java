package dev.lockstep.ft.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.pki.CertificateAuthority;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An etcd that takes client certificates only. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
final class EtcdTlsTest {
  private static final Duration YEAR = Duration.ofDays(365);
  private static final int TIMEOUT_MILLIS = 1_500;

  @TempDir private Path folder;

  @Test
  void onlyWhoHasTheRightCertificateIsAnswered() throws Exception {
    CertificateAuthority authority =
        CertificateAuthority.create(folder.resolve("pki"), YEAR, Instant.now());
    Path server =
        authority.issue("etcd", List.of("127.0.0.1", "localhost"), YEAR, Instant.now()).folder();
    Path elsewhere = authority.issue("other", List.of("10.9.9.9"), YEAR, Instant.now()).folder();
    Path host = authority.issue("host", List.of(), YEAR, Instant.now()).folder();
    Path stranger =
        CertificateAuthority.create(folder.resolve("strangers"), YEAR, Instant.now())
            .issue("host", List.of(), YEAR, Instant.now())
            .folder();
    try (EtcdProcess etcd = start(server)) {
      awaitAnswer(etcd, host);
      for (String name : List.of("127.0.0.1", "localhost")) {
        try (EtcdSession session =
            cluster("etcd://%s:%d".formatted(name, etcd.clientPort()), host).open()) {
          session.write("key", name);
          assertThat(session.read("key")).contains(name);
        }
      }
      refused(cluster(etcd.address(), stranger));
      refused(cluster(etcd.address(), null));
    }
    try (EtcdProcess etcd = start(elsewhere)) {
      awaitTlsPort(etcd);
      refused(cluster(etcd.address(), host));
    }
  }

  private static void refused(EtcdCluster cluster) {
    assertThatThrownBy(
            () -> {
              try (EtcdSession session = cluster.open()) {
                session.read("key");
              }
            })
        .isInstanceOf(EtcdException.class);
  }

  private EtcdProcess start(Path certificates) throws Exception {
    return EtcdProcess.startWith(
        folder,
        List.of(
            "--cert-file",
            certificates.resolve(TlsFiles.CERTIFICATE).toString(),
            "--key-file",
            certificates.resolve(TlsFiles.KEY).toString(),
            "--trusted-ca-file",
            certificates.resolve(TlsFiles.AUTHORITIES).toString(),
            "--client-cert-auth"));
  }

  private static void awaitAnswer(EtcdProcess etcd, Path files) throws InterruptedException {
    while (true) {
      try (EtcdSession session = cluster(etcd.address(), files).open()) {
        session.read("ready");
        return;
      } catch (EtcdException e) {
        Thread.sleep(20);
      }
    }
  }

  private static void awaitTlsPort(EtcdProcess etcd) throws InterruptedException {
    while (true) {
      try (Socket _ = new Socket("127.0.0.1", etcd.clientPort())) {
        return;
      } catch (IOException e) {
        Thread.sleep(20);
      }
    }
  }

  private static EtcdCluster cluster(String address, @Nullable Path files) {
    return new EtcdCluster(
        EtcdAddress.parse(address),
        TIMEOUT_MILLIS,
        files == null ? null : TlsIdentity.load(TlsFiles.in(files)));
  }
}

package dev.lockstep.ft.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.arbiter.Arbiter;
import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.net.RecordingListener.Heard;
import dev.lockstep.ft.pki.CertificateAuthority;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Refusal;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Links by mutual TLS, and everybody who gets none. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
@SuppressWarnings("try") // a client that is only there to dial
class TlsTransportTest {
  private static final ReplicaInstance A = new ReplicaInstance("a", 1);
  private static final ReplicaInstance B = new ReplicaInstance("b", 2);
  private static final TransportLimits LIMITS =
      new TransportLimits(1 << 20, 64 << 20, 4, 2_000, 1_000, 20);
  private static final Duration YEAR = Duration.ofDays(365);
  private static final int PATIENCE_MILLIS = 20_000;
  private static final List<String> LOOPBACK = List.of("127.0.0.1", "localhost");

  @TempDir Path folder = Path.of("unset");
  private final RecordingListener atPrimary = new RecordingListener();
  private final RecordingListener atBackup = new RecordingListener();
  private Arbiter arbiter = new SharedPathArbiter(Path.of("target"));
  private Path certificates = Path.of("unset");

  @BeforeEach
  void authority() {
    arbiter = new SharedPathArbiter(folder.resolve("arbiter"));
    certificates = folder.resolve("pki");
    CertificateAuthority.create(certificates, YEAR, Instant.now());
  }

  @Test
  void hostsOfOneAuthorityHaveALink() throws Exception {
    try (ReplicationServer server = server(host("a"));
        ReplicationClient client = client(server, host("b"))) {
      assertThat(atPrimary.next(Heard.Up.class).peer().instance()).isEqualTo(B);
      atBackup.next(Heard.Up.class);
      client.send(new Message.JoinRequest(B));
      assertThat(atPrimary.next(Heard.Got.class).message()).isEqualTo(new Message.JoinRequest(B));
      server.send(B, new Message.Protect(1, 0));
      assertThat(atBackup.next(Heard.Got.class).message()).isEqualTo(new Message.Protect(1, 0));
    }
  }

  /** Before there is a peer: what a warm-up sends to itself must go the way of what is sent later, handshake included. */
  @Test
  void aHostCanSendToItself() {
    assertThat(TlsWarmup.sendAndReceive(host("a"), 1 << 20)).isEqualTo(1 << 20);
  }

  /** A host may trust another authority than the one that its own certificate is of: it cannot send to itself, and nobody is to see that. */
  @Test
  void aHostThatDoesNotTrustItselfSendsNothing() {
    TlsFiles own = TlsFiles.in(issue("a", YEAR));
    certificates = folder.resolve("others");
    CertificateAuthority.create(certificates, YEAR, Instant.now());
    TlsFiles other = TlsFiles.in(issue("b", YEAR));
    TlsIdentity mixed =
        TlsIdentity.load(new TlsFiles(own.certificate(), own.key(), other.authorities()));
    assertThat(TlsWarmup.sendAndReceive(mixed, 1 << 20)).isZero();
  }

  @Test
  void anInvitationComesBackToTheHostThatInvited() throws Exception {
    try (ReplicationServer waiting = server(host("b"));
        Inviter _ =
            new Inviter(
                waiting.address(),
                () -> identity(A),
                4_711,
                () -> true,
                atBackup,
                LIMITS,
                host("a"))) {
      InetSocketAddress address = atPrimary.next(Heard.Invited.class).address();
      assertThat(address.getHostString()).as("the name in its certificate").isEqualTo("a");
      assertThat(address.getAddress().isLoopbackAddress()).isTrue();
    }
  }

  @Test
  void aHostOfAnotherAuthorityGetsNothing() throws Exception {
    certificates = folder.resolve("others");
    CertificateAuthority.create(certificates, YEAR, Instant.now());
    TlsIdentity other = host("b");
    certificates = folder.resolve("pki");
    try (ReplicationServer server = server(host("a"));
        ReplicationClient _ = client(server, other)) {
      assertThat(atBackup.next(Heard.ShutOut.class).sentence())
          .contains("is not of the authority that this end trusts");
      assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
          .contains("127.0.0.1 was shut out", "does not take this end's certificate");
      assertThat(atPrimary.heard).noneMatch(Heard.Up.class::isInstance);
    }
  }

  /** Trusts everybody, as an attacker would: only the server's judgement counts. */
  @Test
  void whoeverShowsTheWrongCertificateOrNoneReadsNoByteOfTheProtocol() throws Exception {
    certificates = folder.resolve("others");
    CertificateAuthority.create(certificates, YEAR, Instant.now());
    TlsIdentity other = host("b");
    certificates = folder.resolve("pki");
    TlsIdentity trusting = host("c");
    try (ReplicationServer server = server(host("a"))) {
      for (TlsIdentity shown : Arrays.asList(other, null)) {
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(
            shown == null ? null : new KeyManager[] {shown.keyManager()},
            new TrustManager[] {trusting.trustManager()},
            null);
        try (SSLSocket socket =
            (SSLSocket)
                context.getSocketFactory().createSocket("127.0.0.1", server.address().getPort())) {
          assertThat(bytesRead(socket)).as("application data").isZero();
        }
        assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
            .contains(
                shown == null
                    ? "it shows no certificate"
                    : "its certificate is not of the authority that this end trusts");
      }
      assertThat(atPrimary.heard).isEmpty();
    }
  }

  @Test
  void aServerWithoutTheDialledNameIsNotTaken() throws Exception {
    TlsIdentity elsewhere =
        TlsIdentity.load(
            TlsFiles.in(
                CertificateAuthority.open(certificates)
                    .issue("c", List.of("10.9.9.9"), YEAR, Instant.now())
                    .folder()));
    try (ReplicationServer server = server(elsewhere);
        ReplicationClient _ = client(server, host("b"))) {
      assertThat(atBackup.next(Heard.ShutOut.class).sentence())
          .contains("has not the name that was dialled", "127.0.0.1");
    }
  }

  @Test
  void aDialInTheClearToTlsIsToldToBoth() throws Exception {
    try (ReplicationServer server = server(host("a"));
        ReplicationClient _ = client(server, null)) {
      assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
          .contains("it does not speak TLS and this replica does: give both ends --tls");
      assertThat(atBackup.next(Heard.ShutOut.class).sentence())
          .contains("it speaks TLS and this replica does not: give both ends --tls");
    }
  }

  @Test
  void aDialByTlsToTheClearIsToldToBoth() throws Exception {
    try (ReplicationServer server = server(null);
        ReplicationClient _ = client(server, host("b"))) {
      assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
          .contains("it speaks TLS and this replica does not: give both ends --tls");
      assertThat(atBackup.next(Heard.ShutOut.class).sentence())
          .contains("it does not speak TLS: give both ends --tls");
    }
  }

  @Test
  void aRenewedCertificateIsTakenWithoutARestart() throws Exception {
    Path shortLived = issue("b", Duration.ofSeconds(3));
    TlsIdentity b = TlsIdentity.load(TlsFiles.in(shortLived));
    try (ReplicationServer server = server(host("a"));
        ReplicationClient client = client(server, b)) {
      atPrimary.next(Heard.Up.class);
      atBackup.next(Heard.Up.class);
      Instant end = b.certificate().getNotAfter().toInstant();
      await().atMost(30, TimeUnit.SECONDS).until(() -> Instant.now().isAfter(end));
      client.reset("for the test");
      assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
          .contains("its certificate has ended");
      CertificateAuthority.open(certificates).renew("b", YEAR, Instant.now());
      atPrimary.next(Heard.Up.class);
    }
  }

  @Test
  void handshakesThatStandStillKeepNobodyOut() throws Exception {
    TransportLimits patient = new TransportLimits(1 << 20, 64 << 20, 4, 600_000, 1_000, 20);
    List<Socket> silent = new ArrayList<>();
    try (ReplicationServer server = server(host("a"), patient)) {
      for (int i = 0; i < 3 * patient.maxConnections(); i++) {
        silent.add(new Socket(InetAddress.getLoopbackAddress(), server.address().getPort()));
      }
      // Two threads take them, so which are the oldest is known to the server only.
      await()
          .atMost(30, TimeUnit.SECONDS)
          .until(() ->
              silent.stream().filter(TlsTransportTest::isClosed).count()
                  == silent.size() - patient.maxConnections());
      try (ReplicationClient _ = client(server, host("b"))) {
        atPrimary.next(Heard.Up.class);
      }
    } finally {
      for (Socket socket : silent) {
        socket.close();
      }
    }
  }

  @Test
  void handshakesThatStandStillEndInTime() throws Exception {
    try (ReplicationServer server = server(host("a"));
        Socket silent = new Socket(InetAddress.getLoopbackAddress(), server.address().getPort())) {
      assertThat(bytesRead(silent)).isZero();
    }
  }

  @Test
  void nothingIsAnsweredBeforeTheHandshake() throws Exception {
    try (ReplicationServer server = server(host("a"));
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.address().getPort())) {
      byte[] greeting = {0, 0, 0, 2, 10, 0};
      socket.getOutputStream().write(greeting);
      byte[] alert = socket.getInputStream().readAllBytes();
      assertThat(ByteBuffer.wrap(alert).getShort()).as("an alert of TLS").isEqualTo((short) 0x1503);
      assertThat(alert).hasSize(7);
    }
  }

  private static boolean isClosed(Socket socket) {
    try {
      socket.setSoTimeout(1);
      return socket.getInputStream().read() < 0;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  private static int bytesRead(Socket socket) {
    try {
      socket.setSoTimeout(PATIENCE_MILLIS);
      InputStream in = socket.getInputStream();
      int bytes = 0;
      while (in.read() >= 0) {
        bytes++;
      }
      return bytes;
    } catch (SocketTimeoutException e) {
      throw new AssertionError("the connection is still open", e);
    } catch (IOException closed) {
      // A reset, or a handshake that was refused.
      return 0;
    }
  }

  private TlsIdentity host(String name) {
    Path place = certificates.resolve("hosts").resolve(name);
    return TlsIdentity.load(TlsFiles.in(Files.exists(place) ? place : issue(name, YEAR)));
  }

  private Path issue(String name, Duration validity) {
    return CertificateAuthority.open(certificates)
        .issue(name, LOOPBACK, validity, Instant.now())
        .folder();
  }

  private ReplicationServer server(@Nullable TlsIdentity tls) {
    return server(tls, LIMITS);
  }

  private ReplicationServer server(@Nullable TlsIdentity tls, TransportLimits limits) {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    return new ReplicationServer(any, new Open(), atPrimary, limits, tls);
  }

  private ReplicationClient client(ReplicationServer server, @Nullable TlsIdentity tls) {
    InetSocketAddress address = new InetSocketAddress("127.0.0.1", server.address().getPort());
    return new ReplicationClient(address, () -> identity(B), arbiter, atBackup, LIMITS, tls);
  }

  private static PeerIdentity identity(ReplicaInstance instance) {
    return new PeerIdentity(
        PeerIdentity.PROTOCOL_VERSION,
        "0.1",
        "vm",
        instance,
        new TreeMap<>(Map.of("memory_mib", "512")));
  }

  /** Takes everybody who comes as far as this. */
  private static final class Open implements Admission {
    @Override
    public PeerIdentity self() {
      return identity(A);
    }

    @Override
    public @Nullable Refusal closed() {
      return null;
    }

    @Override
    public @Nullable Refusal uninvitable() {
      return null;
    }

    @Override
    public @Nullable ArbiterProof proof() {
      return null;
    }
  }
}

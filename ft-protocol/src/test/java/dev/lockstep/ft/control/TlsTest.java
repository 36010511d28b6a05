package dev.lockstep.ft.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.ListVmsRequest;
import dev.lockstep.ft.tls.TlsFiles;
import dev.lockstep.ft.tls.TlsIdentity;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The control port on TCP: who has a certificate of the authority is answered, and nobody else. */
final class TlsTest {
  private static final long CALL_SECONDS = 30;

  @TempDir Path folder;
  private Certificates ours;
  private Certificates others;
  private ControlServer server;
  private InetSocketAddress address;

  @BeforeEach
  void serve() throws Exception {
    ours = new Certificates(folder, "ours");
    others = new Certificates(folder, "others");
    server =
        ControlServer.start(
            new NoVms(),
            List.of(
                new ControlAddress.Tls(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                    ours.of("server"),
                    null)));
    address = server.tcpAddresses().getFirst();
  }

  @AfterEach
  void close() {
    server.close();
  }

  private StatusRuntimeException refused(TlsFiles files, @Nullable String serverName) {
    try (ControlClient client =
        new ControlClient(new ControlAddress.Tls(address, files, serverName))) {
      return catchThrowableOfType(StatusRuntimeException.class, () -> call(client));
    }
  }

  private static void call(ControlClient client) {
    client
        .calls()
        .withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS)
        .listVms(ListVmsRequest.getDefaultInstance());
  }

  @Test
  void aClientOfTheAuthorityIsAnswered() throws Exception {
    try (ControlClient client =
        new ControlClient(new ControlAddress.Tls(address, ours.of("client"), null))) {
      call(client);
    }
    try (ControlClient client =
        new ControlClient(new ControlAddress.Tls(address, ours.of("client"), "server"))) {
      call(client);
    }
  }

  @Test
  void anyOtherGetsNothing() throws Exception {
    TlsFiles client = ours.of("client");
    // A certificate of another authority, with ours trusted: it is the server that refuses.
    TlsFiles strange = others.of("client");
    assertUnavailable(
        refused(new TlsFiles(strange.certificate(), strange.key(), client.authorities()), null));
    assertUnavailable(refused(client, "not-the-server"));
    assertUnavailable(
        refused(new TlsFiles(client.certificate(), client.key(), strange.authorities()), null));
    // A client that knows that its certificate has ended does not even ask; what the other end
    // makes of one is the link's test, by the same class.
    TlsFiles ended = ours.expired("client");
    assertThatThrownBy(() -> TlsIdentity.load(ended))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("is valid from");
  }

  private static void assertUnavailable(StatusRuntimeException refused) {
    assertThat(refused).isNotNull();
    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
  }

  @Test
  void aClientWithoutACertificateOrWithAnOlderTlsGetsNothing() throws Exception {
    TlsFiles client = ours.of("client");
    assertUnavailable(
        plain(
            NettyChannelBuilder.forAddress(address)
                .sslContext(
                    GrpcSslContexts.configure(
                            SslContextBuilder.forClient()
                                .trustManager(client.authorities().toFile()))
                        .build())
                .build()));
    assertUnavailable(
        plain(
            NettyChannelBuilder.forAddress(address)
                .sslContext(
                    GrpcSslContexts.configure(
                            SslContextBuilder.forClient()
                                .keyManager(client.certificate().toFile(), client.key().toFile())
                                .trustManager(client.authorities().toFile())
                                .protocols("TLSv1.2"))
                        .build())
                .build()));
    assertUnavailable(plain(NettyChannelBuilder.forAddress(address).usePlaintext().build()));
  }

  private static StatusRuntimeException plain(ManagedChannel channel) {
    try {
      return catchThrowableOfType(
          StatusRuntimeException.class,
          () ->
              dev.lockstep.ft.control.proto.ControlServiceGrpc.newBlockingStub(channel)
                  .withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS)
                  .listVms(ListVmsRequest.getDefaultInstance()));
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void filesThatCannotBeUsedAreToldByName() throws Exception {
    TlsFiles files = ours.of("client");
    Path garbage = Files.writeString(folder.resolve("garbage"), "no certificate");
    assertThatThrownBy(() ->
            TlsIdentity.load(
                new TlsFiles(folder.resolve("none"), files.key(), files.authorities())))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("none");
    for (TlsFiles wrong :
        List.of(
            new TlsFiles(garbage, files.key(), files.authorities()),
            new TlsFiles(files.certificate(), garbage, files.authorities()),
            new TlsFiles(files.certificate(), files.key(), garbage))) {
      assertThatThrownBy(() -> TlsIdentity.load(wrong))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("garbage");
    }
  }
}

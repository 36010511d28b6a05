package dev.lockstep.ft.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.arbiter.ArbiterUnavailableException;
import dev.lockstep.ft.arbiter.SharedPathArbiter;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.net.RecordingListener.Heard;
import dev.lockstep.ft.wire.IdentityCodec;
import dev.lockstep.ft.wire.MessageCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Hello;
import dev.lockstep.ft.wire.proto.Refusal;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("try") // a client that is only there to dial
class TransportTest {
  private static final ReplicaInstance A = new ReplicaInstance("a", 1);
  private static final ReplicaInstance B = new ReplicaInstance("b", 2);
  private static final TransportLimits LIMITS =
      new TransportLimits(1 << 20, 64 << 20, 6, 500, 1_000, 20);

  @TempDir Path folder = Path.of("unset");
  private final RecordingListener atPrimary = new RecordingListener();
  private final RecordingListener atBackup = new RecordingListener();
  private SharedPathArbiter arbiter = new SharedPathArbiter(Path.of("target"));

  @BeforeEach
  void sharedArbiter() {
    arbiter = new SharedPathArbiter(folder);
  }

  @Test
  void messagesGoBothWays() throws Exception {
    try (ReplicationServer server = server(identity(A, "512"), null);
        ReplicationClient client = client(server.address(), identity(B, "512"))) {
      assertThat(atPrimary.next(Heard.Up.class).peer().instance()).isEqualTo(B);
      assertThat(atBackup.next(Heard.Up.class).peer().instance()).isEqualTo(A);
      client.send(new Message.JoinRequest(B));
      assertThat(atPrimary.next(Heard.Got.class))
          .isEqualTo(new Heard.Got(B, new Message.JoinRequest(B)));
      Message.Records records =
          new Message.Records(
              1, List.of(new LogRecord(1, RecordKind.INPUT, Position.START, Payload.EMPTY)), null);
      server.send(B, records);
      server.send(new ReplicaInstance("b", 3), new Message.BackupDropped(1));
      server.send(B, new Message.Protect(1, 0));
      assertThat(List.of(atBackup.next(Heard.Got.class), atBackup.next(Heard.Got.class)))
          .containsExactlyInAnyOrder(
              new Heard.Got(A, records), new Heard.Got(A, new Message.Protect(1, 0)));
    }
  }

  @Test
  void aHeartbeatDoesNotWaitBehindBulkData() throws Exception {
    PeerIdentity me = identity(B, "512");
    try (ReplicationServer server = server(identity(A, "512"), null);
        Dialler dialler = new Dialler(LIMITS, null)) {
      FrameChannel control = dialler.connect(server.address());
      dialler.greet(control, hello(me, Hello.Channel.CONTROL));
      FrameChannel bulk = dialler.connect(server.address());
      dialler.greet(bulk, hello(me, Hello.Channel.BULK));
      // Nobody reads it, and more is sent than fits between the two.
      bulk.channel().config().setAutoRead(false);
      atPrimary.next(Heard.Up.class);
      for (int i = 0; i < 40; i++) {
        server.send(B, new Message.CheckpointChunk(1, 0, i, Payload.of(new byte[500_000])));
      }
      server.send(B, new Message.Heartbeat(1, 5, 0));
      CompletableFuture<Frame> first = new CompletableFuture<>();
      control.deliverOneTo(first::complete);
      assertThat(MessageCodec.decode(first.get(30, TimeUnit.SECONDS)))
          .isEqualTo(new Message.Heartbeat(1, 5, 0));
    }
  }

  private static Frame hello(PeerIdentity me, Hello.Channel channel) {
    return Frame.newBuilder()
        .setHello(
            Hello.newBuilder().setIdentity(IdentityCodec.encode(me)).setChannel(channel).build())
        .build();
  }

  @Test
  void whatAPeerDoesNotTakeIsDroppedAtTheBound() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    atBackup.beforeMessage(message -> await(go));
    try (ReplicationServer server = server(identity(A, "512"), null);
        ReplicationClient client = client(server.address(), identity(B, "512"))) {
      atPrimary.next(Heard.Up.class);
      Payload chunk = Payload.of(new byte[900_000]);
      for (int i = 0; i < 300; i++) {
        server.send(B, new Message.CheckpointChunk(1, 0, i, chunk));
      }
      assertThat(server.droppedMessages()).isPositive();
      go.countDown();
      assertThat(atBackup.next(Heard.Got.class)).isNotNull();
    }
  }

  /** The peer has much to read still, as a backup has of a log whose disk is full, when it says why it goes. */
  @Test
  void whatIsSaidLastArrives() throws Exception {
    for (int round = 0; round < 20; round++) {
      CountDownLatch parting = new CountDownLatch(1);
      atBackup.beforeMessage(message -> await(parting));
      atPrimary.beforeMessage(message -> await(parting));
      try (ReplicationServer server = server(identity(A, "512"), null);
          ReplicationClient client = client(server.address(), identity(B, "512"))) {
        atPrimary.next(Heard.Up.class);
        atBackup.next(Heard.Up.class);
        for (int i = 0; i < 3_000; i++) {
          server.send(B, new Message.Heartbeat(1, i, 0));
          server.send(B, new Message.CheckpointChunk(1, 0, i, Payload.of(new byte[10_000])));
        }
        for (int i = 1; i <= 1_000; i++) {
          client.send(new Message.JoinRequest(new ReplicaInstance("b", i)));
        }
        Thread closing = Thread.ofPlatform().start(client::close);
        parting.countDown();
        for (int i = 1; i <= 1_000; i++) {
          assertThat(atPrimary.next(Heard.Got.class).message())
              .as("round %d", round)
              .isEqualTo(new Message.JoinRequest(new ReplicaInstance("b", i)));
        }
        closing.join();
      }
      atPrimary.heard.clear();
      atBackup.heard.clear();
    }
  }

  @Test
  void aLostLinkIsDialledAnew() throws Exception {
    try (ReplicationServer server = server(identity(A, "512"), null);
        ReplicationClient client = client(server.address(), identity(B, "512"))) {
      atPrimary.next(Heard.Up.class);
      atBackup.next(Heard.Up.class);
      client.reset("for the test");
      atBackup.next(Heard.Lost.class);
      // The primary hears of the old one before, or not at all if the new one takes its place
      // first.
      atPrimary.next(Heard.Up.class);
      atBackup.next(Heard.Up.class);
      client.send(new Message.JoinRequest(B));
      atPrimary.next(Heard.Got.class);
    }
  }

  @Test
  void aDeadPrimaryIsToldBySilenceOfItsPort() throws Exception {
    ReplicationServer server = server(identity(A, "512"), null);
    try (ReplicationClient client = client(server.address(), identity(B, "512"))) {
      atBackup.next(Heard.Up.class);
      server.close();
      atBackup.next(Heard.Lost.class);
      assertThat(atBackup.next(Heard.DialRefused.class).why()).contains("refused");
    }
  }

  @Test
  void aPeerWithAnotherConfigurationIsToldSo() throws Exception {
    try (ReplicationServer server = server(identity(A, "512"), null);
        ReplicationClient client = client(server.address(), identity(B, "256"))) {
      Refusal refusal = atBackup.next(Heard.Refused.class).refusal();
      assertThat(refusal.getReason()).isEqualTo(Refusal.Reason.OTHER_CONFIGURATION);
      assertThat(refusal.getDetail())
          .isEqualTo("the configurations differ in memory_mib: b has '256', a has '512'");
      assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
          .contains("the configurations differ in memory_mib");
    }
  }

  @Test
  void aReplicaThatIsNotAPrimaryTakesNobody() throws Exception {
    Refusal notPrimary =
        PeerIdentity.refusal(Refusal.Reason.NOT_PRIMARY, "a is a backup at present");
    try (ReplicationServer server = server(identity(A, "512"), notPrimary);
        ReplicationClient client = client(server.address(), identity(B, "512"))) {
      assertThat(atBackup.next(Heard.Refused.class).refusal()).isEqualTo(notPrimary);
      assertThat(atBackup.next(Heard.Refused.class).refusal())
          .as("it asks again")
          .isEqualTo(notPrimary);
    }
  }

  @Test
  void aPrimaryInvitesAReplicaThatWaits() throws Exception {
    try (ReplicationServer waiting = server(identity(B, "512"), null);
        Inviter inviter =
            new Inviter(
                waiting.address(), () -> identity(A, "512"), 4_711, () -> true, atBackup, LIMITS)) {
      Heard.Invited invited = atPrimary.next(Heard.Invited.class);
      assertThat(invited.primary().instance()).isEqualTo(A);
      assertThat(invited.address())
          .isEqualTo(new InetSocketAddress(InetAddress.getLoopbackAddress(), 4_711));
    }
  }

  @Test
  void anInvitationOfAnotherMachineIsRefused() throws Exception {
    try (ReplicationServer waiting = server(identity(B, "512"), null);
        Inviter inviter =
            new Inviter(
                waiting.address(), () -> identity(A, "256"), 4_711, () -> true, atBackup, LIMITS)) {
      assertThat(atBackup.next(Heard.Refused.class).refusal().getReason())
          .isEqualTo(Refusal.Reason.OTHER_CONFIGURATION);
      assertThat(atPrimary.next(Heard.ShutOut.class).sentence())
          .contains("the configurations differ in memory_mib");
    }
  }

  @Test
  void anArbiterThatIsNotSharedIsNoticedByBoth(@TempDir Path elsewhere) throws Exception {
    try (ReplicationServer server = server(identity(A, "512"), null)) {
      arbiter = new SharedPathArbiter(elsewhere);
      try (ReplicationClient client = client(server.address(), identity(B, "512"))) {
        Refusal refusal = atBackup.next(Heard.Refused.class).refusal();
        assertThat(refusal.getReason()).isEqualTo(Refusal.Reason.ARBITER_NOT_SHARED);
        assertThat(refusal.getDetail()).contains(elsewhere.toString());
      }
    }
  }

  @Test
  void aPortInUseIsNamed() {
    try (ReplicationServer server = server(identity(A, "512"), null)) {
      assertThatThrownBy(() ->
              new ReplicationServer(
                  server.address(), admission(identity(A, "512"), null), atPrimary, LIMITS))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("cannot listen on")
          .hasMessageContaining(Integer.toString(server.address().getPort()));
    }
  }

  @Test
  void whoeverIsNoReplicaIsShutOut() throws Exception {
    try (ReplicationServer server = server(identity(A, "512"), null)) {
      for (String words : List.of("GET / HTTP/1.1\r\n\r\n", "\0\0\0\1x", "\177\377\377\377", "")) {
        try (Socket stranger = new Socket()) {
          stranger.connect(server.address());
          OutputStream out = stranger.getOutputStream();
          out.write(words.getBytes(StandardCharsets.ISO_8859_1));
          out.flush();
          assertThat(readToEnd(stranger.getInputStream())).isLessThan(1_000);
        }
      }
      try (ReplicationClient client = client(server.address(), identity(B, "512"))) {
        atPrimary.next(Heard.Up.class);
      }
    }
  }

  private static int readToEnd(InputStream in) {
    int bytes = 0;
    try {
      while (in.read() >= 0) {
        bytes++;
      }
    } catch (IOException reset) {
      // A reset ends it as well.
    }
    return bytes;
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private ReplicationServer server(PeerIdentity self, @Nullable Refusal closed) {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    return new ReplicationServer(any, admission(self, closed), atPrimary, LIMITS);
  }

  private Admission admission(PeerIdentity self, @Nullable Refusal closed) {
    ArbiterProof proof = new ArbiterProof("a-" + System.nanoTime(), 77);
    try {
      arbiter.publish(proof.key(), proof.nonce());
    } catch (ArbiterUnavailableException e) {
      throw new IllegalStateException(e);
    }
    return new Admission() {
      @Override
      public PeerIdentity self() {
        return self;
      }

      @Override
      public @Nullable Refusal closed() {
        return closed;
      }

      @Override
      public @Nullable Refusal uninvitable() {
        return closed;
      }

      @Override
      public ArbiterProof proof() {
        return proof;
      }
    };
  }

  private ReplicationClient client(InetSocketAddress server, PeerIdentity self) {
    return new ReplicationClient(server, () -> self, arbiter, atBackup, LIMITS);
  }

  private static PeerIdentity identity(ReplicaInstance instance, String memory) {
    return new PeerIdentity(
        PeerIdentity.PROTOCOL_VERSION,
        "0.1",
        "vm",
        instance,
        new TreeMap<>(Map.of("memory_mib", memory)));
  }
}

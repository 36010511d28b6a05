package dev.lockstep.ft.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.OutputCommit;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.wire.IdentityCodec;
import dev.lockstep.ft.wire.MessageCodec;
import dev.lockstep.ft.wire.PeerIdentity;
import dev.lockstep.ft.wire.WireException;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Hello;
import dev.lockstep.ft.wire.proto.Refusal;
import dev.lockstep.ft.wire.proto.Welcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Bytes that no replica sends: each is a refusal in words, never another failure, and a length is judged before anything is allocated for it. */
final class GarbledFramesTest {
  private static final int ROUNDS = 30_000;
  private static final int MAX_FRAME_BYTES = 1 << 20;
  private static final TransportLimits LIMITS =
      new TransportLimits(MAX_FRAME_BYTES, 1 << 20, 4, 500, 500, 20);
  private static final ReplicaInstance A = new ReplicaInstance("a", 7);

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);

  @Test
  void randomBytesAreRefusedInWords() {
    System.out.println("GarbledFramesTest seed " + seed);
    for (int round = 0; round < ROUNDS; round++) {
      byte[] bytes = new byte[random.nextInt(64)];
      random.nextBytes(bytes);
      if (bytes.length >= Integer.BYTES && random.nextBoolean()) {
        ByteBuffer.wrap(bytes).putInt(0, random.nextInt(bytes.length));
      }
      feed(bytes, round);
    }
  }

  @Test
  void mutatedFramesAreRefusedInWords() {
    List<byte[]> corpus = corpus().stream().map(GarbledFramesTest::framed).toList();
    for (int round = 0; round < ROUNDS; round++) {
      byte[] bytes = corpus.get(random.nextInt(corpus.size())).clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        switch (random.nextInt(3)) {
          case 0 -> bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
          case 1 -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
          default -> {
            int at = random.nextInt(bytes.length);
            System.arraycopy(bytes, at, bytes, random.nextInt(at + 1), bytes.length - at);
          }
        }
      }
      feed(bytes, round);
    }
  }

  @Test
  void aLengthIsRefusedBeforeItsBytesCome() {
    for (int length : List.of(-1, Integer.MIN_VALUE, Integer.MAX_VALUE, MAX_FRAME_BYTES + 1)) {
      EmbeddedChannel channel = channel();
      ByteBuf header = Unpooled.buffer().writeInt(length);
      assertThat(failure(channel, header)).isInstanceOf(DecoderException.class);
      release(channel);
    }
  }

  @Test
  void whoeverHasNotSaidWhoItIsMaySendNoLargeFrame() {
    EmbeddedChannel stranger = new EmbeddedChannel(new FrameCodec(LIMITS));
    assertThat(failure(stranger, Unpooled.buffer().writeInt(MAX_FRAME_BYTES)))
        .isInstanceOf(DecoderException.class)
        .hasMessageContaining("at most 262144");
    release(stranger);
    EmbeddedChannel known = channel();
    assertThat(failure(known, Unpooled.buffer().writeInt(MAX_FRAME_BYTES))).isNull();
    release(known);
  }

  @Test
  void manyEmptyRecordsAreNoMessage() {
    dev.lockstep.ft.wire.proto.Records.Builder records =
        dev.lockstep.ft.wire.proto.Records.newBuilder().setEpoch(1).setFirstSequence(1);
    for (int i = 0; i <= 1 << 16; i++) {
      records.addRecords(dev.lockstep.ft.wire.proto.LogRecord.getDefaultInstance());
    }
    Frame frame = Frame.newBuilder().setRecords(records).build();
    assertThatThrownBy(() -> MessageCodec.decode(frame))
        .isInstanceOf(WireException.class)
        .hasMessageContaining("65537 records");
  }

  @Test
  void wordsFromAPeerCannotSteerATerminal() {
    Refusal refusal =
        PeerIdentity.refusal(Refusal.Reason.NOT_UNDERSTOOD, "\u001b[2Jgone" + "x".repeat(10_000));
    EmbeddedChannel channel = channel();
    channel.writeInbound(
        Unpooled.wrappedBuffer(framed(Frame.newBuilder().setRefusal(refusal).build())));
    Frame taken = channel.readInbound();
    assertThat(taken.getRefusal().getDetail()).startsWith("?[2Jgone").hasSize(4_096);
    release(channel);
  }

  private void feed(byte[] bytes, int round) {
    EmbeddedChannel channel = channel();
    try {
      Throwable failure = failure(channel, Unpooled.wrappedBuffer(bytes));
      if (failure != null) {
        assertThat(failure)
            .as("seed %d, round %d", seed, round)
            .isInstanceOf(DecoderException.class);
        if (failure.getCause() != null) {
          assertThat(failure.getCause())
              .as("seed %d, round %d", seed, round)
              .isInstanceOf(IOException.class);
        }
      }
      for (Frame frame = channel.readInbound(); frame != null; frame = channel.readInbound()) {
        decode(frame);
      }
    } finally {
      release(channel);
    }
  }

  /** Anything but a {@link WireException} fails the test. */
  private static void decode(Frame frame) {
    try {
      switch (frame.getBodyCase()) {
        case HELLO -> IdentityCodec.decode(frame.getHello().getIdentity());
        case WELCOME -> IdentityCodec.decode(frame.getWelcome().getIdentity());
        case INVITATION -> IdentityCodec.decode(frame.getInvitation().getIdentity());
        default -> MessageCodec.decode(frame);
      }
    } catch (WireException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }

  private static @Nullable Throwable failure(EmbeddedChannel channel, ByteBuf bytes) {
    try {
      channel.writeInbound(bytes);
      return null;
    } catch (Exception e) {
      return e;
    }
  }

  /** What is left in it is looked at once more, and refused once more. */
  private static void release(EmbeddedChannel channel) {
    try {
      channel.finishAndReleaseAll();
    } catch (DecoderException e) {
      channel.releaseInbound();
    }
  }

  private static EmbeddedChannel channel() {
    FrameCodec codec = new FrameCodec(LIMITS);
    codec.admit();
    return new EmbeddedChannel(codec);
  }

  private static byte[] framed(Frame frame) {
    byte[] body = frame.toByteArray();
    return ByteBuffer.allocate(Integer.BYTES + body.length).putInt(body.length).put(body).array();
  }

  private static List<Frame> corpus() {
    PeerIdentity identity =
        new PeerIdentity(1, "0.1", "vm", A, new TreeMap<>(Map.of("memory_mib", "512")));
    return List.of(
        Frame.newBuilder()
            .setHello(Hello.newBuilder().setIdentity(IdentityCodec.encode(identity)))
            .build(),
        Frame.newBuilder()
            .setWelcome(
                Welcome.newBuilder()
                    .setIdentity(IdentityCodec.encode(identity))
                    .setArbiterKey("key"))
            .build(),
        MessageCodec.encode(new Message.JoinRequest(A)),
        MessageCodec.encode(
            new Message.JoinAccepted(9, new VmId("vm", 5), A, A, 100, 7, 3, OutputCommit.MATCHED)),
        MessageCodec.encode(new Message.CheckpointBegun(9, 0, A, A)),
        MessageCodec.encode(new Message.CheckpointChunk(2, 0, 5, Payload.of(new byte[] {1, 2, 3}))),
        MessageCodec.encode(new Message.Heartbeat(4, 123, 9)),
        MessageCodec.encode(
            new Message.Records(
                2,
                List.of(
                    new LogRecord(
                        5, RecordKind.INPUT, Position.running(8), Payload.of(new byte[] {9})),
                    new LogRecord(6, RecordKind.OUTPUT, Position.running(80), Payload.EMPTY)),
                null)));
  }
}

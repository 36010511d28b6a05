package dev.lockstep.ft.net;

import dev.lockstep.ft.core.BackupStage;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.ProgressMark;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.tls.TlsIdentity;
import dev.lockstep.ft.wire.MessageCodec;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.kvm.ThreadPriority;
import io.netty.buffer.ByteBuf;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Lets a JVM load and initialise what messages need before there is a peer. The first message of each kind costs a quarter of a second on a busy host, on the thread that heartbeats wait for: two or three of them one after the other, in a backup
 * that has just joined, are as long as a silence that means death.
 */
final class Warmup {
  private static final int ROUNDS = 200;
  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  private Warmup() {}

  /**
   * Begins, unless this JVM has begun before; does not wait. To be called before the first connection is made.
   *
   * @param tls of the connections that will be made; null if they are in the clear
   */
  static void begin(TransportLimits limits, @Nullable TlsIdentity tls) {
    if (BEGUN.compareAndSet(false, true)) {
      // Netty registers events with the flight recorder when it frees its first buffer.
      if (System.getProperty("io.netty.jfr.enabled") == null) {
        System.setProperty("io.netty.jfr.enabled", "false");
      }
      Thread.ofPlatform()
          .daemon()
          .name("ft-warm-up")
          .start(() -> {
            // What it takes from the processor is nobody's hurry.
            ThreadPriority.makeOrdinary();
            sendAndReceive(limits);
            if (tls != null) {
              TlsWarmup.sendAndReceive(tls, TlsWarmup.BYTES);
            }
          });
    }
  }

  /** Sends one of each message that flows between protected replicas to itself, through the same codecs; how many arrived. */
  static int sendAndReceive(TransportLimits limits) {
    EmbeddedChannel channel = new EmbeddedChannel();
    FrameChannel frames = FrameChannel.on(channel, limits);
    frames.admit();
    int[] arrived = {0};
    frames.deliverTo(frame -> {
      MessageCodec.decode(frame);
      arrived[0]++;
    });
    for (int i = 0; i < ROUNDS; i++) {
      for (Message message : messages()) {
        Frame frame = MessageCodec.encode(message);
        channel.writeOutbound(frame);
        ByteBuf bytes = channel.readOutbound();
        channel.writeInbound(bytes);
      }
    }
    channel.close();
    return arrived[0];
  }

  private static List<Message> messages() {
    Payload payload = Payload.of(new byte[] {1, 2, 3});
    Position position = Position.running(1);
    List<LogRecord> records = List.of(new LogRecord(1, RecordKind.INPUT, position, payload));
    return List.of(
        new Message.Heartbeat(1, 1, 1),
        new Message.BackupReport(1, BackupStage.FOLLOWING, 1, 1, 1, position, 1, 0, 0),
        new Message.Records(1, records, null),
        new Message.Records(1, List.of(), new ProgressMark(1, position, payload)),
        new Message.CheckpointChunk(1, 0, 0, payload),
        new Message.Protect(1, 1));
  }
}

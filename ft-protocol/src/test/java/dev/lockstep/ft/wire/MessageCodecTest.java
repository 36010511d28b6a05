package dev.lockstep.ft.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.lockstep.ft.core.BackupLoss;
import dev.lockstep.ft.core.BackupStage;
import dev.lockstep.ft.core.Divergence;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Message;
import dev.lockstep.ft.core.OutputCommit;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.ProgressMark;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.core.ReplicaInstance;
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.Refusal;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MessageCodecTest {
  private static final ReplicaInstance A = new ReplicaInstance("a", -1);
  private static final ReplicaInstance B = new ReplicaInstance("b", 0x1234_5678_9abc_def0L);
  private static final Position HALTED = new Position(77, 1_000);

  static List<Message> everyMessage() {
    return List.of(
        new Message.JoinRequest(B),
        new Message.BackupReport(
            3, BackupStage.FOLLOWING, 4, 1L << 40, 5, Position.running(1L << 50), 12, 3, 2),
        new Message.BackupReport(3, BackupStage.FINISHED, 0, 0, 0, Position.START, 0, 0, 0),
        new Message.Diverged(
            3,
            2,
            new Divergence(7, 3, "output", "aa", "bb", "5", "6"),
            true,
            Payload.of(new byte[] {4})),
        new Message.Diverged(3, 4, Divergence.planned(9, "7"), false, Payload.EMPTY),
        new Message.TookOver(3),
        new Message.Resynchronise(3, 1, 77, 2, 9),
        new Message.HandOver(3, 9),
        new Message.BackupLeaving(3, BackupLoss.DIVERGED, "RAX differs"),
        new Message.JoinAccepted(9, new VmId("vm", -5), A, B, 100, 7, 3, OutputCommit.RECEIVED),
        new Message.CheckpointBegun(9, 2, A, B),
        new Message.JoinDeferred(B, "busy"),
        new Message.CheckpointChunk(2, 0, 5, Payload.of(new byte[] {1, 2, 3})),
        new Message.Records(
            2,
            List.of(
                new LogRecord(5, RecordKind.INPUT, HALTED, Payload.of(new byte[] {9})),
                new LogRecord(6, RecordKind.OUTPUT, Position.running(80), Payload.EMPTY),
                new LogRecord(7, RecordKind.END, Position.running(81), Payload.EMPTY)),
            new ProgressMark(7, HALTED, Payload.of(new byte[] {4}))),
        new Message.Records(2, List.of(), new ProgressMark(0, Position.START, Payload.EMPTY)),
        new Message.Protect(4, 0),
        new Message.Heartbeat(4, 123_456, 9),
        new Message.BackupDropped(4),
        new Message.GuestFinished(4, 99));
  }

  @ParameterizedTest
  @MethodSource("everyMessage")
  void whatIsSentIsWhatArrives(Message message) throws Exception {
    byte[] bytes = MessageCodec.encode(message).toByteArray();
    assertThat(MessageCodec.decode(Frame.parseFrom(bytes))).isEqualTo(message);
  }

  @Test
  void everyKindOfMessageIsCovered() {
    assertThat(everyMessage().stream().map(Object::getClass).distinct().count())
        .isEqualTo(
            Message.ToBackup.class.getPermittedSubclasses().length
                + Message.ToPrimary.class.getPermittedSubclasses().length);
  }

  @Test
  void damagedFramesAreRefusedAndNothingElseHappens() throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("MessageCodecTest seed " + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      List<Message> all = everyMessage();
      byte[] bytes = MessageCodec.encode(all.get(random.nextInt(all.size()))).toByteArray();
      for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      try {
        assertThat(MessageCodec.decode(Frame.parseFrom(bytes))).isNotNull();
      } catch (WireException | InvalidProtocolBufferException refused) {
        // That is the one thing that may happen to it.
      }
    }
  }

  @Test
  void handshakesAndEmptyFramesAreNoMessages() {
    assertThatThrownBy(() -> MessageCodec.decode(Frame.getDefaultInstance()))
        .isInstanceOf(WireException.class);
  }

  @Test
  void aPeerWithAnotherConfigurationIsRefusedByTheFieldThatDiffers() throws Exception {
    PeerIdentity mine = identity(1, "vm", Map.of("memory_mib", "512", "kernel", "a"));
    assertThat(mine.refusalOf(IdentityCodec.decode(IdentityCodec.encode(mine)))).isNull();
    assertThat(mine.refusalOf(identity(2, "vm", mine.facts())))
        .satisfies(it -> assertThat(it.getReason()).isEqualTo(Refusal.Reason.INCOMPATIBLE_VERSION))
        .satisfies(it ->
            assertThat(it.getDetail()).contains("version 2 of the protocol").contains("upgrade a"));
    assertThat(mine.refusalOf(identity(1, "other", mine.facts())))
        .satisfies(it -> assertThat(it.getDetail()).contains("VM 'other'"));
    assertThat(mine.refusalOf(identity(1, "vm", Map.of("memory_mib", "256", "kernel", "a"))))
        .satisfies(it -> assertThat(it.getReason()).isEqualTo(Refusal.Reason.OTHER_CONFIGURATION))
        .satisfies(it ->
            assertThat(it.getDetail()).contains("memory_mib").contains("'256'").contains("'512'"));
    assertThat(mine.refusalOf(identity(1, "vm", Map.of("memory_mib", "512"))))
        .satisfies(it -> assertThat(it.getDetail()).contains("kernel").contains("(none)"));
  }

  private static PeerIdentity identity(int version, String vm, Map<String, String> facts) {
    return new PeerIdentity(version, "0.1", vm, A, new TreeMap<>(facts));
  }
}

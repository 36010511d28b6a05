package dev.lockstep.ft.wire;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
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
import dev.lockstep.ft.core.VmId;
import dev.lockstep.ft.wire.proto.BackupDropped;
import dev.lockstep.ft.wire.proto.BackupLeaving;
import dev.lockstep.ft.wire.proto.BackupReport;
import dev.lockstep.ft.wire.proto.CheckpointBegun;
import dev.lockstep.ft.wire.proto.CheckpointChunk;
import dev.lockstep.ft.wire.proto.Diverged;
import dev.lockstep.ft.wire.proto.Frame;
import dev.lockstep.ft.wire.proto.GuestFinished;
import dev.lockstep.ft.wire.proto.HandOver;
import dev.lockstep.ft.wire.proto.Heartbeat;
import dev.lockstep.ft.wire.proto.JoinAccepted;
import dev.lockstep.ft.wire.proto.JoinDeferred;
import dev.lockstep.ft.wire.proto.JoinRequest;
import dev.lockstep.ft.wire.proto.Protect;
import dev.lockstep.ft.wire.proto.Records;
import dev.lockstep.ft.wire.proto.Resynchronise;
import dev.lockstep.ft.wire.proto.TookOver;
import dev.lockstep.ft.wire.proto.Vm;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The protocol's messages to and from frames. Decoding checks everything that can be checked without knowing the state: numbers are not negative, epochs of
 * messages that have one are positive, records are consecutive, enumerations are known.
 */
public final class MessageCodec {
  /** No primary puts more into one message, see Limits. */
  private static final int MAX_RECORDS = 1 << 16;

  private static final int MAX_WORDS = 1_024;

  private MessageCodec() {}

  /** A message as a frame. Payloads are not copied. */
  public static Frame encode(Message message) {
    Frame.Builder frame = Frame.newBuilder();
    switch (message) {
      case Message.JoinRequest it ->
          frame.setJoinRequest(
              JoinRequest.newBuilder().setBackup(IdentityCodec.encode(it.backup())));
      case Message.BackupReport it ->
          frame.setBackupReport(
              BackupReport.newBuilder()
                  .setEpoch(it.epoch())
                  .setStage(BackupReport.Stage.forNumber(it.stage().ordinal()))
                  .setChunksThrough(it.chunksThrough())
                  .setReceivedThrough(it.receivedThrough())
                  .setReplayedThrough(it.replayedThrough())
                  .setReplayedPosition(encode(it.replayedPosition()))
                  .setEchoedNanos(it.echoedNanos())
                  .setDivergences(it.divergences())
                  .setHealed(it.healed()));
      case Message.Diverged it -> frame.setDiverged(encode(it));
      case Message.TookOver it -> frame.setTookOver(TookOver.newBuilder().setEpoch(it.epoch()));
      case Message.BackupLeaving it ->
          frame.setBackupLeaving(
              BackupLeaving.newBuilder()
                  .setEpoch(it.epoch())
                  .setReason(it.reason().name())
                  .setDetail(it.detail()));
      case Message.CheckpointBegun it ->
          frame.setCheckpointBegun(
              CheckpointBegun.newBuilder()
                  .setEpoch(it.epoch())
                  .setRound(it.round())
                  .setPrimary(IdentityCodec.encode(it.primary()))
                  .setBackup(IdentityCodec.encode(it.backup())));
      case Message.JoinAccepted it ->
          frame.setJoinAccepted(
              JoinAccepted.newBuilder()
                  .setEpoch(it.epoch())
                  .setVm(
                      Vm.newBuilder().setName(it.vm().name()).setIncarnation(it.vm().incarnation()))
                  .setPrimary(IdentityCodec.encode(it.primary()))
                  .setBackup(IdentityCodec.encode(it.backup()))
                  .setCheckpointSequence(it.checkpointSequence())
                  .setChunkCount(it.chunkCount())
                  .setOutputsBefore(it.outputsBefore())
                  .setCommit(JoinAccepted.Commit.forNumber(it.commit().ordinal())));
      case Message.JoinDeferred it ->
          frame.setJoinDeferred(
              JoinDeferred.newBuilder()
                  .setBackup(IdentityCodec.encode(it.backup()))
                  .setReason(it.reason()));
      case Message.CheckpointChunk it ->
          frame.setCheckpointChunk(
              CheckpointChunk.newBuilder()
                  .setEpoch(it.epoch())
                  .setRound(it.round())
                  .setIndex(it.index())
                  .setData(bytes(it.data())));
      case Message.Records it -> frame.setRecords(encode(it));
      case Message.Resynchronise it ->
          frame.setResynchronise(
              Resynchronise.newBuilder()
                  .setEpoch(it.epoch())
                  .setRound(it.round())
                  .setCheckpointSequence(it.checkpointSequence())
                  .setChunkCount(it.chunkCount())
                  .setOutputsBefore(it.outputsBefore()));
      case Message.HandOver it ->
          frame.setHandOver(
              HandOver.newBuilder().setEpoch(it.epoch()).setThroughSequence(it.throughSequence()));
      case Message.Protect it ->
          frame.setProtect(
              Protect.newBuilder().setEpoch(it.epoch()).setAfterSequence(it.afterSequence()));
      case Message.Heartbeat it ->
          frame.setHeartbeat(
              Heartbeat.newBuilder()
                  .setEpoch(it.epoch())
                  .setSentNanos(it.sentNanos())
                  .setReleasedThrough(it.releasedThrough()));
      case Message.BackupDropped it ->
          frame.setBackupDropped(BackupDropped.newBuilder().setEpoch(it.epoch()));
      case Message.GuestFinished it ->
          frame.setGuestFinished(
              GuestFinished.newBuilder()
                  .setEpoch(it.epoch())
                  .setThroughSequence(it.throughSequence()));
    }
    return frame.build();
  }

  /**
   * A frame as a message.
   *
   * @throws WireException if it is no message of this protocol
   */
  public static Message decode(Frame frame) throws WireException {
    return switch (frame.getBodyCase()) {
      case JOIN_REQUEST ->
          new Message.JoinRequest(IdentityCodec.decode(frame.getJoinRequest().getBackup()));
      case BACKUP_REPORT -> decode(frame.getBackupReport());
      case BACKUP_LEAVING -> decode(frame.getBackupLeaving());
      case JOIN_ACCEPTED -> decode(frame.getJoinAccepted());
      case JOIN_DEFERRED ->
          new Message.JoinDeferred(
              IdentityCodec.decode(frame.getJoinDeferred().getBackup()),
              IdentityCodec.sentence(frame.getJoinDeferred().getReason()));
      case CHECKPOINT_BEGUN -> {
        CheckpointBegun begun = frame.getCheckpointBegun();
        yield new Message.CheckpointBegun(
            epoch(begun.getEpoch()),
            (int) number(begun.getRound(), "round"),
            IdentityCodec.decode(begun.getPrimary()),
            IdentityCodec.decode(begun.getBackup()));
      }
      case CHECKPOINT_CHUNK -> {
        CheckpointChunk chunk = frame.getCheckpointChunk();
        yield new Message.CheckpointChunk(
            epoch(chunk.getEpoch()),
            (int) number(chunk.getRound(), "round"),
            (int) number(chunk.getIndex(), "chunk"),
            payload(chunk.getData()));
      }
      case DIVERGED -> decode(frame.getDiverged());
      case TOOK_OVER -> new Message.TookOver(epoch(frame.getTookOver().getEpoch()));
      case RESYNCHRONISE -> {
        Resynchronise it = frame.getResynchronise();
        yield new Message.Resynchronise(
            epoch(it.getEpoch()),
            round(it.getRound()),
            number(it.getCheckpointSequence(), "sequence"),
            (int) number(it.getChunkCount(), "count of chunks"),
            number(it.getOutputsBefore(), "output"));
      }
      case HAND_OVER ->
          new Message.HandOver(
              epoch(frame.getHandOver().getEpoch()),
              number(frame.getHandOver().getThroughSequence(), "sequence"));
      case RECORDS -> decode(frame.getRecords());
      case PROTECT ->
          new Message.Protect(
              epoch(frame.getProtect().getEpoch()),
              number(frame.getProtect().getAfterSequence(), "sequence"));
      case HEARTBEAT ->
          new Message.Heartbeat(
              epoch(frame.getHeartbeat().getEpoch()),
              frame.getHeartbeat().getSentNanos(),
              number(frame.getHeartbeat().getReleasedThrough(), "output"));
      case BACKUP_DROPPED -> new Message.BackupDropped(epoch(frame.getBackupDropped().getEpoch()));
      case GUEST_FINISHED ->
          new Message.GuestFinished(
              epoch(frame.getGuestFinished().getEpoch()),
              number(frame.getGuestFinished().getThroughSequence(), "sequence"));
      case HELLO, WELCOME, REFUSAL, INVITATION, BODY_NOT_SET ->
          throw new WireException(
              "a frame with %s in mid-connection".formatted(frame.getBodyCase()));
    };
  }

  private static Message decode(BackupReport report) throws WireException {
    if (report.getStage() == BackupReport.Stage.UNRECOGNIZED) {
      throw new WireException("a backup's stage %d".formatted(report.getStageValue()));
    }
    return new Message.BackupReport(
        epoch(report.getEpoch()),
        BackupStage.values()[report.getStage().getNumber()],
        (int) number(report.getChunksThrough(), "chunk"),
        number(report.getReceivedThrough(), "sequence"),
        number(report.getReplayedThrough(), "sequence"),
        decode(report.getReplayedPosition()),
        report.getEchoedNanos(),
        (int) number(report.getDivergences(), "divergence"),
        (int) number(report.getHealed(), "divergence"));
  }

  private static Diverged encode(Message.Diverged message) {
    Divergence what = message.what();
    return Diverged.newBuilder()
        .setEpoch(message.epoch())
        .setRound(message.round())
        .setSequence(what.sequence())
        .setOutput(what.output())
        .setField(cut(what.field()))
        .setExpected(cut(what.expected()))
        .setFound(cut(what.found()))
        .setExpectedAt(cut(what.expectedAt()))
        .setFoundAt(cut(what.foundAt()))
        .setPlanned(what.planned())
        .setEverything(message.everything())
        .setWritten(bytes(message.written()))
        .build();
  }

  private static Message decode(Diverged message) throws WireException {
    return new Message.Diverged(
        epoch(message.getEpoch()),
        round(message.getRound()),
        new Divergence(
            number(message.getSequence(), "sequence"),
            number(message.getOutput(), "output"),
            cut(message.getField()),
            cut(message.getExpected()),
            cut(message.getFound()),
            cut(message.getExpectedAt()),
            cut(message.getFoundAt()),
            message.getPlanned()),
        message.getEverything(),
        payload(message.getWritten()));
  }

  /** Words for people are cut, not refused. */
  private static String cut(String words) {
    return words.length() <= MAX_WORDS ? words : words.substring(0, MAX_WORDS);
  }

  private static int round(int round) throws WireException {
    if (round < 1) {
      throw new WireException("divergence " + Integer.toUnsignedString(round));
    }
    return round;
  }

  private static Message decode(BackupLeaving leaving) throws WireException {
    BackupLoss reason = BackupLoss.HOST_FAILED;
    for (BackupLoss known : BackupLoss.values()) {
      if (known.name().equals(leaving.getReason())) {
        reason = known;
      }
    }
    return new Message.BackupLeaving(
        epoch(leaving.getEpoch()), reason, IdentityCodec.sentence(leaving.getDetail()));
  }

  private static Message decode(JoinAccepted accepted) throws WireException {
    return new Message.JoinAccepted(
        epoch(accepted.getEpoch()),
        new VmId(IdentityCodec.name(accepted.getVm().getName()), accepted.getVm().getIncarnation()),
        IdentityCodec.decode(accepted.getPrimary()),
        IdentityCodec.decode(accepted.getBackup()),
        number(accepted.getCheckpointSequence(), "sequence"),
        (int) number(accepted.getChunkCount(), "count of chunks"),
        number(accepted.getOutputsBefore(), "output"),
        commit(accepted.getCommit()));
  }

  private static OutputCommit commit(JoinAccepted.Commit commit) throws WireException {
    return switch (commit) {
      case MATCHED -> OutputCommit.MATCHED;
      case RECEIVED -> OutputCommit.RECEIVED;
      case UNRECOGNIZED -> throw new WireException("outputs that leave in a way not known");
    };
  }

  private static Records encode(Message.Records message) {
    Records.Builder records = Records.newBuilder().setEpoch(message.epoch());
    if (!message.records().isEmpty()) {
      records.setFirstSequence(message.records().getFirst().sequence());
    }
    for (LogRecord next : message.records()) {
      records.addRecords(
          dev.lockstep.ft.wire.proto.LogRecord.newBuilder()
              .setKind(dev.lockstep.ft.wire.proto.LogRecord.Kind.forNumber(next.kind().ordinal()))
              .setPosition(encode(next.position()))
              .setPayload(bytes(next.payload())));
    }
    ProgressMark mark = message.mark();
    if (mark != null) {
      records.setMark(
          dev.lockstep.ft.wire.proto.ProgressMark.newBuilder()
              .setAfterSequence(mark.afterSequence())
              .setPosition(encode(mark.position()))
              .setPoint(bytes(mark.point())));
    }
    return records.build();
  }

  private static Message decode(Records message) throws WireException {
    if (message.getRecordsCount() > MAX_RECORDS) {
      throw new WireException(message.getRecordsCount() + " records in one message");
    }
    if (message.getRecordsCount() == 0 && !message.hasMark()) {
      throw new WireException("neither records nor a mark");
    }
    List<LogRecord> records = new ArrayList<>(message.getRecordsCount());
    long sequence = number(message.getFirstSequence(), "sequence");
    if (message.getRecordsCount() > 0
        && (sequence == 0 || sequence > Long.MAX_VALUE - message.getRecordsCount())) {
      throw new WireException("records from number %d on".formatted(sequence));
    }
    for (dev.lockstep.ft.wire.proto.LogRecord next : message.getRecordsList()) {
      if (next.getKind() == dev.lockstep.ft.wire.proto.LogRecord.Kind.UNRECOGNIZED) {
        throw new WireException("a record of kind %d".formatted(next.getKindValue()));
      }
      records.add(
          new LogRecord(
              sequence++,
              RecordKind.values()[next.getKind().getNumber()],
              decode(next.getPosition()),
              payload(next.getPayload())));
    }
    return new Message.Records(epoch(message.getEpoch()), records, mark(message));
  }

  private static @Nullable ProgressMark mark(Records message) throws WireException {
    if (!message.hasMark()) {
      return null;
    }
    return new ProgressMark(
        number(message.getMark().getAfterSequence(), "sequence"),
        decode(message.getMark().getPosition()),
        payload(message.getMark().getPoint()));
  }

  private static dev.lockstep.ft.wire.proto.Position encode(Position position) {
    return dev.lockstep.ft.wire.proto.Position.newBuilder()
        .setBranchCount(position.branchCount())
        .setHaltedNanosPlusOne(position.haltedNanos() + 1)
        .build();
  }

  private static Position decode(dev.lockstep.ft.wire.proto.Position position)
      throws WireException {
    return new Position(
        number(position.getBranchCount(), "branch count"),
        number(position.getHaltedNanosPlusOne(), "virtual time") - 1);
  }

  private static ByteString bytes(Payload payload) {
    return UnsafeByteOperations.unsafeWrap(payload.bytes());
  }

  private static Payload payload(ByteString bytes) {
    return Payload.of(bytes.toByteArray());
  }

  private static long epoch(long epoch) throws WireException {
    if (epoch < 1) {
      throw new WireException("a message of epoch " + Long.toUnsignedString(epoch));
    }
    return epoch;
  }

  private static long number(long value, String what) throws WireException {
    if (value < 0) {
      throw new WireException(
          "a %s of %s is more than there can be".formatted(what, Long.toUnsignedString(value)));
    }
    return value;
  }
}

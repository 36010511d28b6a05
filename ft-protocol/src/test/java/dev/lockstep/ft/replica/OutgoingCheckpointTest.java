package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.PrimaryInput;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A checkpoint is sent while it is taken, and taken no faster than it is sent. */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class OutgoingCheckpointTest {
  private static final int CHUNKS = 10;

  @TempDir Path folder = Path.of("unset");

  private final List<PrimaryInput> told = new CopyOnWriteArrayList<>();

  private OutgoingCheckpoint checkpoint(CheckpointFile.Layout layout) throws IOException {
    return OutgoingCheckpoint.create(folder, 7, 2, layout, told::add);
  }

  private static void write(FileChannel out, int bytes) throws IOException {
    out.write(ByteBuffer.allocate(bytes));
  }

  /** Ends a pass on another thread, which is seen to wait. */
  private CompletableFuture<Void> passThatWaits(OutgoingCheckpoint checkpoint)
      throws InterruptedException {
    CompletableFuture<Void> passed = new CompletableFuture<>();
    Thread taker =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              try {
                checkpoint.passWritten();
                passed.complete(null);
              } catch (Exception e) {
                passed.completeExceptionally(e);
              }
            });
    while (taker.getState() != Thread.State.WAITING) {
      assertThat(taker.isAlive()).as("whoever takes it waits for the backup").isTrue();
      TimeUnit.MILLISECONDS.sleep(1);
    }
    return passed;
  }

  @Test
  void aPassEndsWhenTheBackupHasNearlyAllOfIt() throws Exception {
    try (OutgoingCheckpoint checkpoint = checkpoint(CheckpointFile.Layout.STAND_LAST);
        FileChannel out = checkpoint.openForWriting()) {
      write(out, CHUNKS * CheckpointFile.CHUNK_BYTES + 5);
      checkpoint.written();
      assertThat(told).containsExactly(new PrimaryInput.CheckpointGrew(7, 2, CHUNKS));
      assertThat(checkpoint.pagesSentWithin(1_000)).isEqualTo(Long.MAX_VALUE);
      CompletableFuture<Void> passed = passThatWaits(checkpoint);
      checkpoint.acknowledged(1);
      assertThat(passed).isNotDone();
      checkpoint.acknowledged(CHUNKS - 1);
      passed.get();
      assertThat(checkpoint.pagesSentWithin(1)).isLessThan(Long.MAX_VALUE);
      assertThat(told).as("nothing new").hasSize(1);
    }
  }

  @Test
  void whoeverTakesOneThatNobodyWantsIsLetGo() throws Exception {
    OutgoingCheckpoint checkpoint = checkpoint(CheckpointFile.Layout.STAND_LAST);
    try (FileChannel out = checkpoint.openForWriting()) {
      write(out, CHUNKS * CheckpointFile.CHUNK_BYTES);
      CompletableFuture<Void> passed = passThatWaits(checkpoint);
      checkpoint.close();
      assertThatThrownBy(passed::get)
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(OutgoingCheckpoint.AbandonedException.class);
      checkpoint.whole(out, new CheckpointFile.Stand(1, 0, Position.START));
      assertThat(told).noneMatch(PrimaryInput.CheckpointTaken.class::isInstance);
    }
  }

  @Test
  void aPeerOfTheReleaseBeforeGetsNothingBeforeItIsWhole() throws Exception {
    assertThat(CheckpointFile.Layout.of(3)).isEqualTo(CheckpointFile.Layout.STAND_FIRST);
    assertThat(CheckpointFile.Layout.of(4)).isEqualTo(CheckpointFile.Layout.STAND_LAST);
    try (OutgoingCheckpoint checkpoint = checkpoint(CheckpointFile.Layout.STAND_FIRST);
        FileChannel out = checkpoint.openForWriting()) {
      write(out, CHUNKS * CheckpointFile.CHUNK_BYTES);
      checkpoint.passWritten();
      assertThat(told).isEmpty();
      checkpoint.whole(out, new CheckpointFile.Stand(1, 0, Position.START));
      assertThat(told).containsExactly(new PrimaryInput.CheckpointTaken(7, 2, CHUNKS + 1));
    }
  }

  @ParameterizedTest
  @EnumSource(CheckpointFile.Layout.class)
  void whatIsWrittenIsWhatArrives(CheckpointFile.Layout layout) throws Exception {
    byte[] machine = new byte[CheckpointFile.CHUNK_BYTES + 100];
    machine[3] = 9;
    StreamPiece piece = new StreamPiece(1, 4, new byte[] {1, 2});
    try (OutgoingCheckpoint sent = checkpoint(layout);
        FileChannel out = sent.openForWriting();
        CheckpointFile received = CheckpointFile.create(folder, layout)) {
      DataOutputStream data = new DataOutputStream(Channels.newOutputStream(out));
      data.write(machine);
      long outputsAt = out.position();
      StreamPiece.write(List.of(piece), data);
      StreamPiece.write(List.of(), data);
      CheckpointFile.Stand stand = new CheckpointFile.Stand(77, outputsAt, new Position(5, 6));
      sent.whole(out, stand);
      assertThat(told).containsExactly(new PrimaryInput.CheckpointTaken(7, 2, 2));
      received.append(sent.chunk(0));
      received.append(sent.chunk(1));
      assertThat(received.stand()).isEqualTo(stand);
      assertThat(received.outputs().tail()).hasSize(1);
      assertThat(received.outputs().held()).isEmpty();
      assertThat(received.read().readNBytes(machine.length)).isEqualTo(machine);
    }
  }
}

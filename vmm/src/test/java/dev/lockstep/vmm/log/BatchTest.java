package dev.lockstep.vmm.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.net.Frames;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BatchTest {
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());

  @Test
  void everyKindOfEntryComesBack() throws Exception {
    System.out.println("BatchTest seed " + seed);
    RandomEntries entries = new RandomEntries(seed);
    for (int i = 0; i < 300; i++) {
      List<LogEntry> list = new ArrayList<>(entries.list(1 + i % 40));
      list.add(entries.progress());
      list.add(entries.end());
      Batch batch = new Batch(i, list);
      assertThat(Batch.decode(batch.encode())).as("seed %d", seed).isEqualTo(batch);
    }
  }

  @Test
  void aBatchNeedsNothingFromTheOneBefore() throws Exception {
    RandomEntries entries = new RandomEntries(seed);
    entries.list(20);
    Batch second = new Batch(20, entries.list(20));
    assertThat(Batch.decode(second.encode())).as("seed %d", seed).isEqualTo(second);
  }

  @Test
  void noFlippedBitIsTaken() {
    byte[] encoded = new Batch(7, new RandomEntries(seed).list(30)).encode();
    for (int i = 0; i < encoded.length * 8; i++) {
      byte[] flipped = encoded.clone();
      flipped[i / 8] ^= (byte) (1 << i % 8);
      assertThatThrownBy(() -> Batch.decode(flipped))
          .as("seed %d bit %d", seed, i)
          .isInstanceOf(LogFormatException.class);
    }
  }

  @Test
  void noCutBatchIsTaken() {
    byte[] encoded = new Batch(7, new RandomEntries(seed).list(30)).encode();
    for (int length = 0; length < encoded.length; length++) {
      byte[] cut = Arrays.copyOf(encoded, length);
      assertThatThrownBy(() -> Batch.decode(cut))
          .as("seed %d length %d", seed, length)
          .isInstanceOf(LogFormatException.class);
    }
  }

  /** Reasons for which a replay ends, but no log. */
  @ParameterizedTest
  @EnumSource(names = {"UNCERTAIN", "TARGET"})
  void aLogThatEndsAsOnlyReplaysDoIsRefusedByName(EndReason reason) throws Exception {
    Moment start = Moment.running(new ExecutionPoint(0, 0, 0));
    assertThatThrownBy(() -> new LogEntry.EndOfLog(start, reason, 0, null))
        .isInstanceOf(IllegalArgumentException.class);
    EntryEncoder encoder = new EntryEncoder();
    LogEntry written = new LogEntry.EndOfLog(start, EndReason.STOPPED, 0, null);
    encoder.add(written);
    byte[] bytes = encoder.toByteArray();
    assertThat(new EntryDecoder(bytes, 0, bytes.length).next()).isEqualTo(written);
    // Kind, reason, exit code, no digest.
    assertThat(bytes).hasSize(4);
    assertThat(bytes[1]).isEqualTo((byte) EndReason.STOPPED.ordinal());
    bytes[1] = (byte) reason.ordinal();
    assertThatThrownBy(() -> new EntryDecoder(bytes, 0, bytes.length).next())
        .isInstanceOf(LogFormatException.class)
        .hasMessageContaining("end of log with reason " + reason);
  }

  /** Behind the checksums: whatever bytes come, the decoder says so in its own way. */
  @Test
  void theEntryDecoderOnlyEverGivesItsOwnException() {
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes;
      if (i % 2 == 0) {
        bytes = new byte[1 + random.nextInt(64)];
        random.nextBytes(bytes);
      } else {
        EntryEncoder encoder = new EntryEncoder();
        new RandomEntries(random.nextLong()).list(3).forEach(encoder::add);
        bytes = encoder.toByteArray();
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      EntryDecoder decoder = new EntryDecoder(bytes, 0, bytes.length);
      int entries = 0;
      try {
        while (decoder.hasNext()) {
          decoder.next();
          entries++;
        }
      } catch (LogFormatException e) {
        assertThat(e).hasMessageNotContaining("null");
      }
      assertThat(entries).isLessThanOrEqualTo(bytes.length);
    }
  }

  @Test
  void networkInputsThatAreNotFramesAreRefused() throws Exception {
    Moment at = new RandomEntries(seed).moment();
    byte[] frame = Frames.pack(new byte[60]);
    assertThat(decoded(at, frame)).isEqualTo(new LogEntry.NetworkInput(at, 3, frame));
    byte[] cut = Arrays.copyOf(frame, frame.length - 1);
    byte[] more = Arrays.copyOf(frame, frame.length + 1);
    byte[] tooShort = {0, 13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    for (byte[] wrong : List.of(cut, more, tooShort, new byte[2], new byte[1])) {
      assertThatThrownBy(() -> decoded(at, wrong))
          .as("%d bytes", wrong.length)
          .isInstanceOf(LogFormatException.class)
          .hasMessageContaining("not frames");
    }
  }

  private static LogEntry decoded(Moment at, byte[] frames) throws LogFormatException {
    EntryEncoder encoder = new EntryEncoder();
    encoder.add(new LogEntry.NetworkInput(at, 3, frames));
    byte[] bytes = encoder.toByteArray();
    return new EntryDecoder(bytes, 0, bytes.length).next();
  }

  @Test
  void anInputCostsFewBytes() {
    EntryEncoder encoder = new EntryEncoder();
    RandomEntries entries = new RandomEntries(seed);
    Moment at = entries.moment();
    encoder.add(new LogEntry.DiskCompletion(at, 1, 5, 0));
    int first = encoder.size();
    encoder.add(new LogEntry.DiskCompletion(at, 1, 6, 0));
    assertThat(encoder.size() - first).isLessThanOrEqualTo(4 + 9);
  }
}

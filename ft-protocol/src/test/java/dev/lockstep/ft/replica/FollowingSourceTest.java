package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogHeader;
import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.log.Moment;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Of what a driver hears, while its machine follows. */
class FollowingSourceTest {
  private static final LogHeader HEADER =
      new LogHeader(
          "vm",
          1,
          "soft",
          "model",
          "",
          BranchSemantics.ALL_TRANSFERS,
          new TreeMap<>(),
          List.of(),
          List.of(),
          moment(0),
          0,
          0,
          new MachineDigest(0, 0, 0, List.of()));

  private final EntryEncoder encoder = new EntryEncoder();
  private int told;
  private final FollowingSource source =
      new FollowingSource(HEADER, 1, 0, Position.running(0), 0, () -> told++);

  private static Moment moment(long count) {
    return Moment.running(new ExecutionPoint(count, 0x1000, 0, 0));
  }

  private void input(long sequence) throws Exception {
    source.add(inputRecord(sequence));
  }

  private LogRecord inputRecord(long sequence) {
    LogEntry entry = new LogEntry.ConsoleInput(moment(10 * sequence), 0, new byte[1]);
    return new LogRecord(
        sequence, RecordKind.INPUT, Position.running(10 * sequence), encode(entry));
  }

  private Payload encode(LogEntry entry) {
    return Moments.encode(encoder, entry);
  }

  private void take() {
    assertThat(source.peek()).isNotNull();
    source.advance();
  }

  @Test
  void oneOfManyInputsIsNotWorthAWord() throws Exception {
    input(1);
    input(2);
    take();
    assertThat(told).isZero();
    take();
    assertThat(told).isEqualTo(1);
    assertThat(source.replayed().throughSequence()).isEqualTo(2);
  }

  /** The mark may be taken back: the guest is told to go no further. */
  @Test
  void theLastInputIsToldOfWhateverMayFollow() throws Exception {
    input(1);
    source.mark(encode(new LogEntry.ProgressMark(moment(100), 200)));
    take();
    assertThat(told).isEqualTo(1);
    source.finish();
    assertThat(source.peek()).isNull();
    assertThat(source.replayed().throughSequence()).isEqualTo(1);
  }

  /** Records and checkpoints come on two connections. */
  @Test
  void aRecordThatTheCheckpointHoldsIsNotReplayedBehindIt() throws Exception {
    FollowingSource behind =
        new FollowingSource(HEADER, 1, 7, Position.running(75), 0, () -> told++);
    behind.add(inputRecord(7));
    assertThat(behind.peek()).isNull();
    behind.add(inputRecord(8));
    assertThat(behind.peek()).isNotNull();
  }
}

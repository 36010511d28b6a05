package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.BranchSemantics;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.ft.core.LogRecord;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.ft.core.Position;
import dev.lockstep.ft.core.RecordKind;
import dev.lockstep.ft.core.Timing;
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
  private final Timing timing = Timing.defaults();
  private int told;
  private long now;
  private final ReplayNews news = new ReplayNews(timing, () -> now, () -> told++);
  private final FollowingSource source =
      new FollowingSource(HEADER, 1, 0, Position.running(0), 0, news);

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

  private void output(long sequence) throws Exception {
    LogEntry entry = new LogEntry.OutputEntry(moment(10 * sequence), 0, sequence, 1, 0);
    source.add(
        new LogRecord(sequence, RecordKind.OUTPUT, Position.running(10 * sequence), encode(entry)));
  }

  /** Each word wakes a thread that is to wake another's: while there is much to replay one of many will do. */
  @Test
  void outputsOfABackupThatIsBehindAreToldByAndBy() throws Exception {
    for (int i = 1; i <= 20; i++) {
      output(i);
    }
    take();
    take();
    assertThat(told).as("in the same moment").isZero();
    now += timing.closeMarkNanos();
    take();
    assertThat(told).as("a mark's time later").isEqualTo(1);
    now += timing.closeMarkNanos() - 1;
    take();
    assertThat(told).as("not yet again").isEqualTo(1);
    for (int i = 5; i <= 12; i++) {
      take();
    }
    assertThat(told).as("with eight before it").isEqualTo(1);
    take();
    assertThat(told).as("with seven before it").isEqualTo(2);
    for (int i = 14; i <= 20; i++) {
      take();
    }
    assertThat(told).as("not behind").isEqualTo(9);
    assertThat(source.replayed().throughSequence()).isEqualTo(20);
    assertThat(source.replayed().outputs()).isEqualTo(20);
  }

  /** What was held back is told with an input, although nobody waits to hear of that. */
  @Test
  void whatWasHeldBackIsToldWithTheNextRecord() throws Exception {
    output(1);
    for (int i = 2; i <= 20; i++) {
      input(i);
    }
    take();
    assertThat(told).isZero();
    now += timing.closeMarkNanos();
    take();
    assertThat(told).isEqualTo(1);
    now += timing.closeMarkNanos();
    take();
    assertThat(told).as("an input alone").isEqualTo(1);
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
    FollowingSource behind = new FollowingSource(HEADER, 1, 7, Position.running(75), 0, news);
    behind.add(inputRecord(7));
    assertThat(behind.peek()).isNull();
    behind.add(inputRecord(8));
    assertThat(behind.peek()).isNotNull();
  }
}

package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.ft.core.Payload;
import dev.lockstep.vmm.fuzz.Fuzzing;
import dev.lockstep.vmm.log.EntryEncoder;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.LogFormatException;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.PlacedEntry;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes of a peer are a placed entry, which comes out the same when it is written again and read, or are refused; nothing else is thrown. */
class PlacedEntryFuzzTest {
  static Stream<byte[]> seeds() {
    Moment at = Moment.running(new ExecutionPoint(7, 0x1000, 3));
    byte[] output = {1, 2, 3};
    return Stream.of(
            new PlacedEntry(
                new LogEntry.OutputEntry(at, 0, 5, output.length, LogHash.of(output)),
                9,
                8,
                7,
                output),
            new PlacedEntry(new LogEntry.ClockEntry(at, 5, 6), 1, 2, 3),
            new PlacedEntry(new LogEntry.ProgressMark(at), 1, 2, 0))
        .map(placed -> Moments.encode(new EntryEncoder(), placed).bytes());
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void placedEntriesOrNot(byte[] data) throws LogFormatException {
    PlacedEntry read;
    try {
      read = Moments.decodePlaced(Payload.of(data));
    } catch (LogFormatException e) {
      assertThat(e).hasMessageNotContaining("null");
      return;
    }
    PlacedEntry again = Moments.decodePlaced(Moments.encode(new EntryEncoder(), read));
    assertThat(again.entry()).isEqualTo(read.entry());
    assertThat(again.virtualNanos()).isEqualTo(read.virtualNanos());
    assertThat(again.work()).isEqualTo(read.work());
    assertThat(again.workSinceAnchor()).isEqualTo(read.workSinceAnchor());
    assertThat(again.output()).isEqualTo(read.output());
  }
}

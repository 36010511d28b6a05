package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.ft.core.PrimaryInput;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How often a primary says how far its guest has come. */
class RecordingSinkTest {
  private static final long CLOSE_NANOS = 250_000;
  private static final long USUAL_NANOS = 2_000_000;
  private static final Moment MOMENT = Moment.running(new ExecutionPoint(7, 0x1000, 0, 0));

  private final Inbox inbox = new Inbox(() -> {});
  private final RecordingSink sink =
      new RecordingSink(
          inbox, CLOSE_NANOS, USUAL_NANOS, () -> false, (disk, request) -> false, false);

  @Test
  void aGuestThatTalksWithNobodySaysSoSeldom() {
    assertThat(sink.runningProgressNanos()).isEqualTo(USUAL_NANOS);
    sink.append(0, new LogEntry.DiskCompletion(MOMENT, 5, 1, 0));
    sink.append(1, new LogEntry.DigestEntry(MOMENT, 1, 2));
    assertThat(sink.runningProgressNanos()).as("a disk waits for no answer").isEqualTo(USUAL_NANOS);
  }

  @Test
  void aGuestThatTalksSaysSoOftenAndThenSeldomAgain() {
    List<LogEntry> words =
        List.of(
            new LogEntry.ConsoleInput(MOMENT, 1, new byte[] {'x'}),
            new LogEntry.NetworkInput(MOMENT, 6, new byte[62]),
            new LogEntry.OutputEntry(MOMENT, 1, 0, 1, 42));
    for (LogEntry word : words) {
      long before = System.nanoTime();
      sink.append(0, word);
      long wanted = sink.runningProgressNanos();
      // A host may put this thread to sleep for longer than a talk is taken to last.
      if (System.nanoTime() - before < RecordingSink.TALK_NANOS) {
        assertThat(wanted).as("after %s", word).isEqualTo(CLOSE_NANOS);
      }
      while (sink.runningProgressNanos() == CLOSE_NANOS) {
        Thread.onSpinWait();
      }
      assertThat(sink.runningProgressNanos()).isEqualTo(USUAL_NANOS);
    }
  }

  @Test
  void anEntryGoesWithThePromiseBehindIt() {
    sink.append(0, new LogEntry.NetworkInput(MOMENT, 6, new byte[62]));
    assertThat(inbox.poll()).isNull();
    sink.promise(MOMENT, 100);
    sink.settle();
    assertThat(inbox.poll()).isInstanceOf(PrimaryInput.Recorded.class);
    assertThat(inbox.poll()).isInstanceOf(PrimaryInput.Progress.class);
    assertThat(inbox.poll()).isNull();
  }

  @Test
  void noEntryIsKeptWhileTheGuestIsHeld() {
    sink.append(0, new LogEntry.NetworkInput(MOMENT, 6, new byte[62]));
    sink.letRun(false);
    assertThat(sink.held()).isTrue();
    assertThat(inbox.poll()).isInstanceOf(PrimaryInput.Recorded.class);
  }
}

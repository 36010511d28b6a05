package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.vmm.log.LogEntry.OutputEntry;
import dev.lockstep.vmm.log.LogHash;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.Output;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** A replica's gate: what may leave, and until when. */
class HeldOutputsTest {
  private static final long AN_HOUR_NANOS = TimeUnit.HOURS.toNanos(1);

  private final StringBuilder outside = new StringBuilder();
  private final AtomicLong left = new AtomicLong();
  private final HeldOutputs gate =
      new HeldOutputs(
          0,
          List.of(),
          (stream, offset, bytes) -> outside.append(new String(bytes, StandardCharsets.US_ASCII)),
          left::set,
          new CommitLatency());

  private void offer(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    Moment at = Moment.running(new ExecutionPoint(1, 0x1000, 0));
    OutputEntry entry = new OutputEntry(at, 0, 0, bytes.length, LogHash.of(bytes));
    gate.offer(new Output(0, entry, bytes));
  }

  @Test
  void whatMayLeaveLeavesInOrder() {
    offer("a");
    offer("b");
    offer("c");
    assertThat(outside).isEmpty();
    gate.release(2, System.nanoTime() + AN_HOUR_NANOS);
    assertThat(outside).hasToString("ab");
    assertThat(left).hasValue(2);
    gate.release(4, HeldOutputs.FOR_EVER);
    offer("d");
    assertThat(outside).hasToString("abcd");
    assertThat(left).hasValue(4);
  }

  /** As in a process that was frozen between the core's word and its network: another replica may be the primary by now. */
  @Test
  void nothingLeavesAfterItsTimeUntilThatIsSaidAnew() {
    offer("a");
    gate.release(2, System.nanoTime());
    offer("b");
    assertThat(outside).isEmpty();
    assertThat(left).hasValue(0);
    gate.release(2, System.nanoTime() + AN_HOUR_NANOS);
    assertThat(outside).hasToString("ab");
  }

  @Test
  void nothingLeavesAClosedGate() {
    offer("a");
    gate.close();
    gate.release(1, HeldOutputs.FOR_EVER);
    assertThat(outside).isEmpty();
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.ExecutionPoint;
import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class CommitGateTest {
  private static final long BYTES = 100;
  private static final long TIMEOUT_NANOS = 10_000_000;

  private final Machines.Console outside = new Machines.Console();

  @Test
  void anOutputLeavesWithItsOwnEntryAndNotBefore() {
    CommitGate gate = CommitGate.guarded(outside, BYTES, TIMEOUT_NANOS);
    gate.offer(output(3, 0, "abc"));
    gate.committed(2);
    assertThat(outside).hasToString("");
    gate.offer(output(5, 3, "def"));
    gate.committed(4);
    assertThat(outside).hasToString("abc");
    gate.committed(5);
    assertThat(outside).hasToString("abcdef");
    assertThat(gate.releasedOffset(0)).isEqualTo(6);
  }

  @Test
  void whatIsCommittedAlreadyLeavesAtOnce() {
    CommitGate gate = CommitGate.guarded(outside, BYTES, TIMEOUT_NANOS);
    gate.committed(7);
    gate.offer(output(7, 0, "x"));
    assertThat(outside).hasToString("x");
  }

  @Test
  void aReplicaKeepsWhatWasNotReleasedAndSendsItAtGoLive() {
    CommitGate gate = CommitGate.following(outside, BYTES, TIMEOUT_NANOS);
    gate.offer(output(1, 0, "abc"));
    gate.offer(output(2, 3, "def"));
    gate.released(0, 3);
    gate.committed(100);
    assertThat(outside).hasToString("");
    assertThat(gate.keptBytes()).isEqualTo(3);
    gate.released(0, 5);
    assertThat(gate.keptBytes()).as("a part of an output is kept whole").isEqualTo(3);
    Machines.Console second = outside;
    assertThatThrownBy(gate::goLive)
        .as("the consumer of this test wants no gap, and gets offset 3 first")
        .hasMessageContaining("offset 3");
    assertThat(second).hasToString("");
  }

  @Test
  void aReplicaThatKnowsOfNoReleaseSendsEverything() {
    CommitGate gate = CommitGate.following(outside, BYTES, TIMEOUT_NANOS);
    gate.offer(output(1, 0, "abc"));
    gate.offer(output(2, 3, "def"));
    gate.goLive();
    assertThat(outside).hasToString("abcdef");
    gate.offer(output(0, 6, "g"));
    assertThat(outside).hasToString("abcdefg");
  }

  @Test
  void whenABackupJoinsOutputsWaitAgain() {
    CommitGate gate = CommitGate.guarded(outside, BYTES, TIMEOUT_NANOS);
    gate.alone();
    gate.offer(output(4, 0, "a"));
    assertThat(outside).hasToString("a");
    gate.guard(5);
    gate.offer(output(5, 1, "b"));
    assertThat(outside).hasToString("a");
    gate.committed(5);
    assertThat(outside).hasToString("ab");
    gate.offer(output(6, 2, "c"));
    gate.alone();
    assertThat(outside).hasToString("abc");
  }

  @Test
  void aFullGateGivesUpAfterItsBound() {
    CommitGate gate = CommitGate.guarded(outside, BYTES, TIMEOUT_NANOS);
    gate.offer(output(0, 0, "x".repeat(90)));
    assertThatThrownBy(() -> gate.offer(output(1, 90, "x".repeat(20))))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("90 bytes");
  }

  private static Output output(long sequence, long offset, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    Moment at = Moment.running(new ExecutionPoint(sequence, 0, 0));
    return new Output(sequence, new LogEntry.OutputEntry(at, 0, offset, bytes.length, 0), bytes);
  }
}

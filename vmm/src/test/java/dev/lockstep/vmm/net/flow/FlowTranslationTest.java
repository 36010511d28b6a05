package dev.lockstep.vmm.net.flow;

import static dev.lockstep.vmm.net.flow.TestFrames.ACK;
import static dev.lockstep.vmm.net.flow.TestFrames.SYN;
import static dev.lockstep.vmm.net.flow.TestFrames.segment;
import static dev.lockstep.vmm.net.flow.TestFrames.timestamps;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A guest that has begun its connections otherwise goes on with those of another: its client sees one. */
class FlowTranslationTest {
  private static final int PORT = 4000;
  private static final int THEIRS = 1_000, OWN = -7_000;
  private static final int THEIR_TIME = 50, OWN_TIME = 90_000;

  private final FlowTranslation translation = new FlowTranslation();

  /** The primary's guest and the backup's have both answered a SYN. */
  private FlowComparison opened() {
    FlowComparison flows = new FlowComparison(translation);
    flows.expect(segment(true, PORT, THEIRS, 7, SYN | ACK, timestamps(THEIR_TIME, 1), ""));
    flows.produce(
        translation.outbound(segment(true, PORT, OWN, 7, SYN | ACK, timestamps(OWN_TIME, 1), "")),
        0);
    assertThat(flows.areMatched(1)).as("%s", flows.contradiction()).isTrue();
    return flows;
  }

  @Test
  void whatItSendsIsWhatTheOtherWouldHaveSent() {
    FlowComparison flows = opened();
    byte[] theirs = segment(true, PORT, THEIRS + 1, 8, ACK, timestamps(THEIR_TIME + 4, 2), "hello");
    byte[] own = segment(true, PORT, OWN + 1, 8, ACK, timestamps(OWN_TIME + 4, 2), "hello");
    byte[] moved = translation.outbound(own);
    assertThat(moved).isEqualTo(theirs);
    flows.expect(theirs);
    flows.produce(moved, 0);
    assertThat(flows.areMatched(2)).as("%s", flows.contradiction()).isTrue();
    // Its SYN sent again is the other's, too, and begins nothing.
    byte[] again = segment(true, PORT, OWN, 7, SYN | ACK, timestamps(OWN_TIME, 1), "");
    flows.produce(translation.outbound(again), 0);
    assertThat(flows.contradiction()).isNull();
    assertThat(translation.size()).isOne();
  }

  @Test
  void whatItGetsIsForIt() {
    opened();
    byte[] sack =
        ByteBuffer.allocate(24)
            .put(timestamps(77, THEIR_TIME + 4))
            .put(new byte[] {1, 1, 5, 10})
            .putInt(THEIRS + 20)
            .putInt(THEIRS + 30)
            .array();
    byte[] wanted =
        ByteBuffer.allocate(24)
            .put(timestamps(77, OWN_TIME + 4))
            .put(new byte[] {1, 1, 5, 10})
            .putInt(OWN + 20)
            .putInt(OWN + 30)
            .array();
    assertThat(translation.inbound(segment(false, PORT, 8, THEIRS + 6, ACK, sack, "more")))
        .isEqualTo(segment(false, PORT, 8, OWN + 6, ACK, wanted, "more"));
    byte[] other = segment(false, PORT + 1, 8, THEIRS + 6, ACK, sack, "more");
    assertThat(translation.inbound(other)).as("another connection").isSameAs(other);
  }

  @Test
  void checksumsStayRightAndWrongOnesStayWrong() {
    opened();
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      byte[] frame =
          segment(
              true,
              PORT,
              random.nextInt(),
              random.nextInt(),
              ACK,
              timestamps(random.nextInt(), random.nextInt()),
              "x".repeat(random.nextInt(5)));
      assertThat(TestFrames.checksum(translation.outbound(frame))).as("seed %d", seed).isZero();
      frame[frame.length - 1] ^= 0x10;
      assertThat(TestFrames.checksum(translation.outbound(frame))).isNotZero();
    }
  }

  @Test
  void theSameEndsAreTranslatedAnewWhenTheyBeginAgain() {
    FlowComparison flows = opened();
    flows.expect(segment(true, PORT, 5, 9, SYN | ACK, timestamps(60, 1), ""));
    flows.produce(
        translation.outbound(segment(true, PORT, 500, 9, SYN | ACK, timestamps(70, 1), "")), 0);
    assertThat(flows.areMatched(2)).as("%s", flows.contradiction()).isTrue();
    assertThat(translation.outbound(segment(true, PORT, 501, 9, ACK, timestamps(71, 1), "new")))
        .isEqualTo(segment(true, PORT, 6, 9, ACK, timestamps(61, 1), "new"));
  }

  @Test
  void itGoesWithTheMachine() throws IOException {
    opened();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    translation.writeTo(new DataOutputStream(bytes));
    FlowTranslation other = new FlowTranslation();
    other.readFrom(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
    byte[] frame = segment(true, PORT, OWN + 1, 8, ACK, timestamps(1, 2), "hello");
    assertThat(other.outbound(frame)).isEqualTo(translation.outbound(frame)).isNotEqualTo(frame);
    byte[] wrong = bytes.toByteArray();
    wrong[0] = 1;
    assertThatThrownBy(() -> other.readFrom(new DataInputStream(new ByteArrayInputStream(wrong))))
        .isInstanceOf(IOException.class);
  }

  @Test
  void connectionsAreBounded() {
    FlowComparison flows = new FlowComparison(translation);
    for (int port = 1; port < 6_000; port++) {
      flows.expect(segment(true, port, 5, 9, SYN | ACK, new byte[0], ""));
      flows.produce(segment(true, port, 6, 9, SYN | ACK, new byte[0], ""), 0);
      flows.forget(1);
    }
    assertThat(translation.size()).isEqualTo(FlowTranslation.MAX_CONNECTIONS);
  }
}

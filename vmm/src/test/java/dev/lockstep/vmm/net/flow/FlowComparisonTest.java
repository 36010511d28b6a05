package dev.lockstep.vmm.net.flow;

import static dev.lockstep.vmm.net.flow.TestFrames.ACK;
import static dev.lockstep.vmm.net.flow.TestFrames.FIN;
import static dev.lockstep.vmm.net.flow.TestFrames.RST;
import static dev.lockstep.vmm.net.flow.TestFrames.SYN;
import static dev.lockstep.vmm.net.flow.TestFrames.arp;
import static dev.lockstep.vmm.net.flow.TestFrames.echo;
import static dev.lockstep.vmm.net.flow.TestFrames.tcp;
import static dev.lockstep.vmm.net.flow.TestFrames.udp;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What two guests have sent is the same, or is not, however it was cut and however often it came. */
class FlowComparisonTest {
  private static final int PORT = 4000;
  private final FlowComparison flows = new FlowComparison();

  private void expect(byte[]... frames) {
    for (byte[] frame : frames) {
      flows.expect(frame);
    }
  }

  private void produce(byte[]... frames) {
    for (byte[] frame : frames) {
      flows.produce(frame, 0);
    }
  }

  @Test
  void aStreamMayBeCutOtherwise() {
    expect(tcp(PORT, 100, 7, SYN | ACK, ""), tcp(PORT, 101, 7, ACK, "hello, world"));
    produce(tcp(PORT, 900, 7, SYN | ACK, ""), tcp(PORT, 901, 7, ACK, "hello"));
    assertThat(flows.areMatched(1)).isTrue();
    assertThat(flows.areMatched(2)).as("half of it").isFalse();
    produce(tcp(PORT, 906, 7, ACK, ", wor"), tcp(PORT, 908, 7, ACK, "world"));
    assertThat(flows.areMatched(2)).isTrue();
    assertThat(flows.contradiction()).isNull();
  }

  @Test
  void otherBytesContradictWhoeverSaysThemFirst() {
    expect(tcp(PORT, 100, 7, SYN | ACK, ""), tcp(PORT, 101, 7, ACK, "hello"));
    produce(tcp(PORT, 900, 7, SYN | ACK, ""), tcp(PORT, 901, 7, ACK, "hellO"));
    assertThat(flows.areMatched(2)).isFalse();
    assertThat(flows.contradiction()).isEqualTo("the content of a stream");
    FlowComparison other = new FlowComparison();
    other.produce(tcp(PORT, 100, 7, ACK, "abc"), 0);
    other.expect(tcp(PORT, 100, 7, ACK, "ab!"));
    assertThat(other.contradiction()).isNotNull();
  }

  @Test
  void aRetransmissionThatSaysSomethingElseContradicts() {
    produce(tcp(PORT, 100, 7, ACK, "abcdef"));
    expect(tcp(PORT, 100, 7, ACK, "abcdef"), tcp(PORT, 103, 7, ACK, "def"));
    assertThat(flows.areMatched(2)).isTrue();
    expect(tcp(PORT, 103, 7, ACK, "dEf"));
    assertThat(flows.contradiction()).isNotNull();
  }

  @Test
  void whatIsAcknowledgedMustHaveBeenReceivedHereToo() {
    produce(tcp(PORT, 100, 50, ACK, ""));
    expect(tcp(PORT, 100, 40, ACK, ""), tcp(PORT, 100, 60, ACK, ""));
    assertThat(flows.areMatched(1)).isTrue();
    assertThat(flows.areMatched(2)).isFalse();
    produce(tcp(PORT, 100, 60, ACK, "x"));
    assertThat(flows.areMatched(2)).isTrue();
  }

  @Test
  void endsAndResetsAreCompared() {
    expect(tcp(PORT, 100, 7, ACK | FIN, "bye"));
    produce(tcp(PORT, 100, 7, ACK, "bye"));
    assertThat(flows.areMatched(1)).isFalse();
    produce(tcp(PORT, 103, 7, ACK | FIN, ""));
    assertThat(flows.areMatched(1)).isTrue();
    expect(tcp(PORT, 104, 0, RST, ""));
    assertThat(flows.areMatched(2)).isFalse();
    produce(tcp(PORT, 104, 0, RST, ""));
    assertThat(flows.areMatched(2)).isTrue();
    expect(tcp(PORT, 101, 7, ACK | FIN, ""));
    assertThat(flows.contradiction()).isEqualTo("where a connection ends");
  }

  @Test
  void theSameEndsMayBeginAnotherConnection() {
    for (int round = 0; round < 3; round++) {
      expect(tcp(PORT, 100 + round, 7, SYN | ACK, ""), tcp(PORT, 101 + round, 7, ACK, "r" + round));
      produce(
          tcp(PORT, 500 - round, 7, SYN | ACK, ""), tcp(PORT, 501 - round, 7, ACK, "r" + round));
      assertThat(flows.areMatched(2)).as("round %d: %s", round, flows.contradiction()).isTrue();
      flows.forget(2);
    }
  }

  @Test
  void sequenceNumbersGoRound() {
    int first = -20;
    expect(tcp(PORT, first, 7, SYN | ACK, ""));
    produce(tcp(PORT, 5, 7, SYN | ACK, ""));
    for (int i = 0; i < 40; i++) {
      expect(tcp(PORT, first + 1 + 2 * i, 7, ACK, "ab"));
      produce(tcp(PORT, 6 + 2 * i, 7, ACK, "ab"));
    }
    assertThat(flows.areMatched(41)).as("%s", flows.contradiction()).isTrue();
  }

  @Test
  void aLongStreamIsKeptInBounds() {
    String piece = "0123456789".repeat(100);
    expect(tcp(PORT, 1, 7, SYN | ACK, ""));
    produce(tcp(PORT, 1, 7, SYN | ACK, ""));
    for (int i = 0; i < 5_000; i++) {
      int at = 2 + i * piece.length();
      produce(tcp(PORT, at, 7, ACK, piece));
      expect(tcp(PORT, at, 7, ACK, piece));
      assertThat(flows.areMatched(i == 0 ? 2 : 1)).as("%d: %s", i, flows.contradiction()).isTrue();
      flows.forget(i == 0 ? 2 : 1);
    }
    assertThat(flows.takeUnexpected()).isEmpty();
  }

  @Test
  void oneThatIsFarAheadContradictsInsteadOfFillingMemory() {
    String piece = "x".repeat(1000);
    for (int i = 0; i < 1_000; i++) {
      produce(tcp(PORT, i * 1000, 7, ACK, piece));
    }
    assertThat(flows.contradiction()).isEqualTo("one guest far ahead of the other in a stream");
  }

  @Test
  void datagramsAreComparedInOrder() {
    expect(udp(9, "one"), udp(9, "two"), echo(3, 1));
    produce(udp(9, "one"));
    assertThat(flows.areMatched(1)).isTrue();
    assertThat(flows.areMatched(2)).isFalse();
    produce(echo(3, 1), udp(9, "two"));
    assertThat(flows.areMatched(3)).isTrue();
    produce(udp(9, "three"));
    expect(udp(9, "drei"));
    assertThat(flows.contradiction()).isEqualTo("the content of a datagram");
  }

  @Test
  void chatterIsComparedByKindNotByNumber() {
    expect(arp(1), arp(1));
    assertThat(flows.areMatched(1)).isFalse();
    produce(arp(1));
    assertThat(flows.areMatched(2)).isTrue();
    expect(arp(2));
    assertThat(flows.areMatched(3)).isFalse();
    assertThat(flows.missing(3)).isEqualTo("not a frame of another kind");
  }

  @Test
  void whatOneAloneHasSentIsKnownAndHandedBack() {
    expect(tcp(PORT, 100, 7, ACK, "abc"));
    byte[] more = tcp(PORT, 102, 7, ACK, "cdef");
    byte[] datagram = udp(9, "alone");
    flows.produce(tcp(PORT, 100, 7, ACK, "ab"), 10);
    flows.produce(more, 20);
    flows.produce(datagram, 30);
    assertThat(flows.areMatched(1)).isTrue();
    assertThat(flows.alone(100, 80)).isNull();
    assertThat(flows.alone(101, 80)).isNotNull();
    assertThat(flows.takeUnexpected()).containsExactly(more, datagram);
    assertThat(flows.takeUnexpected()).isEmpty();
  }

  /** The same stream, cut at random, with some of it sent again and out of order, by two guests in turns. */
  @Test
  void anyCutOfTheSameStreamMatches() {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong());
    System.out.println("FlowComparisonTest seed " + seed);
    Random random = new Random(seed);
    for (int run = 0; run < 300; run++) {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < 200; i++) {
        text.append((char) ('a' + random.nextInt(26)));
      }
      FlowComparison both = new FlowComparison();
      List<byte[]> theirs = cut(random, text.toString(), random.nextInt());
      List<byte[]> own = cut(random, text.toString(), random.nextInt());
      int said = 0;
      for (int i = 0; i < Math.max(theirs.size(), own.size()); i++) {
        if (i < theirs.size()) {
          both.expect(theirs.get(i));
          said++;
        }
        if (i < own.size()) {
          both.produce(own.get(i), 0);
        }
      }
      assertThat(both.areMatched(said))
          .as("run %d, seed %d: %s", run, seed, both.contradiction())
          .isTrue();
      assertThat(both.takeUnexpected()).isEmpty();
      // And one byte that differs is never matched.
      byte[] wrong = theirs.get(1 + random.nextInt(theirs.size() - 1)).clone();
      wrong[wrong.length - 1] ^= 1;
      both.expect(wrong);
      assertThat(both.areMatched(said + 1)).isFalse();
    }
  }

  private static List<byte[]> cut(Random random, String text, int initial) {
    List<byte[]> frames = new ArrayList<>();
    for (int at = 0; at < text.length(); ) {
      int length = Math.min(1 + random.nextInt(30), text.length() - at);
      frames.add(tcp(PORT, initial + 1 + at, 7, ACK, text.substring(at, at + length)));
      if (random.nextInt(4) == 0) {
        frames.add(frames.getLast());
      }
      at += length;
    }
    Collections.shuffle(frames.subList(frames.size() / 2, frames.size()), random);
    frames.addFirst(tcp(PORT, initial, 7, SYN | ACK, ""));
    return frames;
  }
}

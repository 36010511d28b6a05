package dev.lockstep.vmm.debug;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes from a debugger: packets of bounded length and then the end; a packet that we send reads as it was. */
class PacketLinkFuzzTest {
  static Stream<byte[]> seeds() {
    return Stream.of(
            "+$qSupported#37", "$g#67-+\u0003$m0,8#01", "$vCont?#49$$a}\u0003#84", "$}", "$#")
        .map(text -> text.getBytes(StandardCharsets.ISO_8859_1));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void packetsAndAnEnd(byte[] data) throws InterruptedException {
    ByteArrayOutputStream answers = new ByteArrayOutputStream();
    List<String> packets = packets(data, answers);
    assertThat(packets.size()).isLessThanOrEqualTo(data.length);
    assertThat(answers.size()).isLessThanOrEqualTo(data.length);
    for (String packet : packets) {
      assertThat(packet.length()).isLessThanOrEqualTo(PacketLink.MAX_PACKET_BYTES);
      ByteArrayOutputStream sent = new ByteArrayOutputStream();
      link(new byte[0], sent).send(packet);
      assertThat(packets(sent.toByteArray(), new ByteArrayOutputStream())).containsExactly(packet);
    }
  }

  private static List<String> packets(byte[] data, ByteArrayOutputStream answers)
      throws InterruptedException {
    PacketLink link = link(data, answers);
    Thread reader = Thread.ofVirtual().start(link::listen);
    List<String> packets = new ArrayList<>();
    for (String next = link.next(); next != null; next = link.next()) {
      packets.add(next);
    }
    reader.join();
    return packets;
  }

  private static PacketLink link(byte[] data, ByteArrayOutputStream answers) {
    return new PacketLink(new ByteArrayInputStream(data), answers, () -> {});
  }
}

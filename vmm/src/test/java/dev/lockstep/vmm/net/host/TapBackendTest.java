package dev.lockstep.vmm.net.host;

import static dev.lockstep.vmm.net.host.OwnNetwork.addBridge;
import static dev.lockstep.vmm.net.host.OwnNetwork.inOwnNetwork;
import static dev.lockstep.vmm.net.host.OwnNetwork.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.net.OffloadHeader;
import dev.lockstep.vmm.net.Offloads;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The kernel's own tap devices, in a network namespace of the test's own. */
@Timeout(60)
class TapBackendTest {
  private static final String NAME = "lockstep0";
  private static final String BRIDGE = "br0";
  private static final int BATCH_BYTES = 32 << 10;
  private static final byte[] GUEST = {0x52, 0x54, 0, 0, 0, 1};

  private static TapBackend open(String name) {
    return TapBackend.open(name, false, new TapPlace(note -> {}));
  }

  @Test
  void theHostAnswersAFrame() throws Exception {
    inOwnNetwork(() -> {
      try (TapBackend tap = open(NAME)) {
        ip("addr add 192.0.2.1/24 dev " + NAME);
        askAndAwait(tap);
      }
    });
  }

  @Test
  void framesThatAreTooLongAreLost() throws Exception {
    inOwnNetwork(() -> {
      try (TapBackend tap = open(NAME)) {
        ip("link set " + NAME + " mtu 9000");
        ip("addr add 192.0.2.1/24 dev " + NAME);
        askAndAwait(tap);
        ip("neigh replace 192.0.2.2 lladdr 52:54:00:00:00:01 dev " + NAME + " nud permanent");
        sendDatagram(4000);
        sendDatagram(1400);
        byte[] frame = await(tap, it -> it.length > 1000);
        assertThat(frame).as("the second").hasSize(14 + 28 + 1400);
      }
    });
  }

  /** From the host's address to the guest's: the socket belongs to the namespace of this thread. */
  private static void sendDatagram(int bytes) throws Exception {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.send(
          new DatagramPacket(new byte[bytes], bytes, InetAddress.getByName("192.0.2.2"), 9));
    }
  }

  @Test
  void whileItIsDownFramesAreLost() throws Exception {
    inOwnNetwork(() -> {
      try (TapBackend tap = open(NAME)) {
        ip("addr add 192.0.2.1/24 dev " + NAME);
        ip("link set " + NAME + " down");
        byte[] request = arpRequest();
        assertThat(tap.send(request, 0, request.length)).isFalse();
        byte[] queued;
        do {
          // The host may have said something of its own, for IPv6, before it went down.
          queued = tap.receive(0, BATCH_BYTES);
        } while (queued != null);
        long before = System.nanoTime();
        for (int i = 0; i < 10; i++) {
          assertThat(tap.receive(20, BATCH_BYTES)).isNull();
        }
        assertThat(System.nanoTime() - before).as("does not spin").isGreaterThan(100_000_000);
        ip("link set " + NAME + " up");
        askAndAwait(tap);
      }
    });
  }

  @Test
  void aTapThatIsDeletedIsTheEnd() throws Exception {
    inOwnNetwork(() -> {
      try (TapBackend tap = open(NAME)) {
        ip("link del " + NAME);
        assertThatThrownBy(() -> receiveToTheEnd(tap))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("the tap device %s is gone", NAME);
        byte[] request = arpRequest();
        assertThatThrownBy(() -> tap.send(request, 0, request.length))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("is gone");
      }
    });
  }

  @Test
  void aKernelThatMayLeavesSegmentsUncut() throws Exception {
    inOwnNetwork(() -> {
      try (TapBackend tap = TapBackend.open(NAME, true, new TapPlace(note -> {}))) {
        ip("addr add 192.0.2.1/24 dev " + NAME);
        ip("neigh replace 192.0.2.2 lladdr 52:54:00:00:00:01 dev " + NAME + " nud permanent");
        byte[] request = OffloadHeader.before(arpRequest());
        assertThat(tap.send(request, 0, request.length)).isTrue();
        byte[] datagram = new byte[1400];
        for (boolean summed : new boolean[] {true, false}) {
          tap.offload(new Offloads(!summed, !summed, !summed, false));
          sendDatagram(datagram.length);
          byte[] frame = await(tap, it -> it.length > 1400);
          assertThat(frame).hasSize(OffloadHeader.BYTES + 14 + 28 + datagram.length);
          assertThat(frame[0] & 1).as("needs its checksum").isEqualTo(summed ? 0 : 1);
        }
      }
    });
  }

  @Test
  void aDeviceThatLastsForgetsWhatTheGuestBeforeTookOver() throws Exception {
    inOwnNetwork(() -> {
      ip("tuntap add dev " + NAME + " mode tap");
      ip("addr add 192.0.2.1/24 dev " + NAME);
      try (TapBackend before = TapBackend.open(NAME, true, new TapPlace(note -> {}))) {
        before.offload(new Offloads(true, true, true, false));
      }
      try (TapBackend tap = open(NAME)) {
        ip("neigh replace 192.0.2.2 lladdr 52:54:00:00:00:01 dev " + NAME + " nud permanent");
        sendDatagram(1400);
        byte[] frame = await(tap, it -> it.length == 14 + 28 + 1400);
        assertThat(udpSum(frame)).as("its checksum is filled in").isEqualTo(0xffff);
      }
    });
  }

  /** Over UDP's pseudo header, header and data (RFC 768), an even number of bytes: all ones if the checksum is right. */
  private static int udpSum(byte[] frame) {
    ByteBuffer bytes = ByteBuffer.wrap(frame);
    int udp = 14 + 20;
    long sum = 17 + frame.length - udp;
    for (int at = udp - 8; at < frame.length; at += 2) {
      sum += bytes.getShort(at) & 0xffff;
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return (int) sum;
  }

  @Test
  void aHeaderThatTheKernelRefusesLosesItsFrame() throws Exception {
    inOwnNetwork(() -> {
      try (TapBackend tap = TapBackend.open(NAME, true, new TapPlace(note -> {}))) {
        byte[] frame = OffloadHeader.before(arpRequest());
        frame[1] = 0x55;
        assertThat(tap.send(frame, 0, frame.length)).as("no such segmentation").isFalse();
        frame[1] = 0;
        assertThat(tap.send(frame, 0, frame.length)).isTrue();
      }
    });
  }

  private static NetworkPort port(BlockingQueue<byte[]> received, List<String> notes) {
    return new NetworkPort(
        TapBackend.opener(NAME, false, notes::add),
        MacAddress.parse("52:54:00:00:00:01"),
        received::add,
        () -> Offloads.NONE,
        notes::add);
  }

  @Test
  void aPortSurvivesItsTap() throws Exception {
    inOwnNetwork(() -> {
      BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
      List<String> notes = new CopyOnWriteArrayList<>();
      try (NetworkPort port = port(received, notes)) {
        port.goLive();
        ip("addr add 192.0.2.1/24 dev " + NAME);
        exchange(port, received);
        ip("link del " + NAME);
        Awaitility.await().until(() -> notes.size() == 2);
        assertThat(notes.getFirst()).contains("the tap device lockstep0 is gone");
        assertThat(notes.getLast()).isEqualTo("the guest's network is back");
        ip("addr add 192.0.2.1/24 dev " + NAME);
        received.clear();
        exchange(port, received);
      }
    });
  }

  @Test
  void aTapThatWasDeletedComesBackIntoItsBridge() throws Exception {
    inOwnNetwork(() -> {
      addBridge(BRIDGE);
      ip("addr add 192.0.2.1/24 dev " + BRIDGE);
      ip("tuntap add dev " + NAME + " mode tap");
      ip("link set " + NAME + " master " + BRIDGE);
      BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
      List<String> notes = new CopyOnWriteArrayList<>();
      try (NetworkPort port = port(received, notes)) {
        port.goLive();
        exchange(port, received);
        for (int time = 1; time <= 2; time++) {
          ip("link del " + NAME);
          int said = 3 * time;
          Awaitility.await().until(() -> notes.size() == said);
          assertThat(notes.get(said - 3)).contains("the tap device lockstep0 is gone");
          assertThat(notes.get(said - 2))
              .isEqualTo("the tap device lockstep0 is in bridge br0 again");
          assertThat(notes.get(said - 1)).isEqualTo("the guest's network is back");
          received.clear();
          exchange(port, received);
        }
      }
    });
  }

  private static void exchange(NetworkPort port, BlockingQueue<byte[]> received) throws Exception {
    port.send(Frames.pack(arpRequest()));
    long until = System.nanoTime() + 20_000_000_000L;
    while (System.nanoTime() < until) {
      byte[] packed = received.poll(1, TimeUnit.SECONDS);
      if (packed != null && Frames.unpack(packed).stream().anyMatch(TapBackendTest::isAnswer)) {
        return;
      }
    }
    throw new AssertionError("the host did not answer in 20 s");
  }

  @Test
  void nothingIsLeftOpen() throws Exception {
    inOwnNetwork(() -> Descriptors.assertNoneLeft("/dev/net/tun", () -> open(NAME).close()));
    inOwnNetwork(() ->
        Descriptors.assertNoneLeft(
            "/dev/net/tun",
            () -> assertThatThrownBy(() -> open("lo")).isInstanceOf(VmmException.class)));
  }

  @Test
  void whatCannotBeOpenedIsToldWithAdvice() throws Exception {
    inOwnNetwork(() -> {
      for (String name : new String[] {"", "a/b", "sixteen-letters-", "lo"}) {
        assertThatThrownBy(() -> open(name))
            .as("'%s'", name)
            .isInstanceOfSatisfying(VmmException.class, e -> assertThat(e.advice()).isNotBlank());
      }
      try (TapBackend tap = open(NAME)) {
        assertThat(tap.send(arpRequest(), 0, 42)).isTrue();
        assertThatThrownBy(() -> open(NAME))
            .isInstanceOfSatisfying(
                VmmException.class, e -> assertThat(e.advice()).contains("Another process"));
      }
      TapBackend closed = open(NAME);
      closed.close();
      assertThat(closed.send(arpRequest(), 0, 42)).as("once it is closed").isFalse();
    });
  }

  /** Bounded, so that a backend that never ends fails instead of hanging. */
  private static void receiveToTheEnd(TapBackend tap) throws IOException {
    long until = System.nanoTime() + 20_000_000_000L;
    while (System.nanoTime() < until) {
      tap.receive(100, BATCH_BYTES);
    }
  }

  private static void askAndAwait(TapBackend tap) throws IOException {
    byte[] request = arpRequest();
    assertThat(tap.send(request, 0, request.length)).isTrue();
    await(tap, TapBackendTest::isAnswer);
  }

  private static byte[] await(TapBackend tap, Predicate<byte[]> wanted) throws IOException {
    long until = System.nanoTime() + 20_000_000_000L;
    while (System.nanoTime() < until) {
      byte[] packed = tap.receive(1000, BATCH_BYTES);
      if (packed != null) {
        assertThat(Frames.count(packed)).isPositive();
        for (byte[] frame : Frames.unpack(packed)) {
          if (wanted.test(frame)) {
            return frame;
          }
        }
      }
    }
    throw new AssertionError("no such frame in 20 s");
  }

  /** ARP (RFC 826) for 192.0.2.1, by 192.0.2.2. */
  private static byte[] arpRequest() {
    ByteBuffer request = ByteBuffer.allocate(42);
    request.put(new byte[] {-1, -1, -1, -1, -1, -1}).put(GUEST).putShort((short) 0x0806);
    request.putShort((short) 1).putShort((short) 0x0800).put((byte) 6).put((byte) 4);
    request.putShort((short) 1).put(GUEST).putInt(0xc0000202).put(new byte[6]).putInt(0xc0000201);
    return request.array();
  }

  private static boolean isAnswer(byte[] frame) {
    ByteBuffer bytes = ByteBuffer.wrap(frame);
    return frame.length >= 42
        && Arrays.equals(Arrays.copyOf(frame, 6), GUEST)
        && bytes.getShort(12) == 0x0806
        && bytes.getShort(20) == 2
        && bytes.getInt(28) == 0xc0000201;
  }
}

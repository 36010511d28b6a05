package dev.lockstep.vmm.net.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.vmm.net.Frames;
import dev.lockstep.vmm.net.MacAddress;
import dev.lockstep.vmm.net.Offloads;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A machine's end of the cable, with a socket in passt's manner as the network. */
@Timeout(60)
class NetworkPortTest {
  private static final MacAddress ADDRESS = MacAddress.parse("52:54:00:12:34:56");
  private static final byte[] ANNOUNCEMENT = Rarp.request(ADDRESS);

  /** Longer than a port takes for its thread's own delays. */
  private static final int STANDSTILL_MILLIS = 400;

  @TempDir Path folder = Path.of("unset");
  private final BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
  private final List<String> notes = new CopyOnWriteArrayList<>();

  private NetworkPort port(NetworkPort.Receiver receiver) {
    return new NetworkPort(
        () -> PasstBackend.connect(folder.resolve("socket")),
        ADDRESS,
        receiver,
        () -> Offloads.NONE,
        notes::add);
  }

  private FrameServer server() {
    return new FrameServer(folder.resolve("socket"));
  }

  @Test
  void nothingGoesToOrFroBeforeItIsLive() throws Exception {
    try (FrameServer server = server();
        NetworkPort port = port(received::add)) {
      server.accept();
      server.raw(FrameServer.prefixed(frame(60, 1)));
      port.send(Frames.pack(frame(60, 2)));
      assertThat(port.lostFrames()).isEqualTo(1);
      // The second is read behind the first, which must be lost by then.
      awaitRead(server);
      port.goLive();
      server.raw(FrameServer.prefixed(frame(60, 3)));
      assertThat(Frames.unpack(taken()).getFirst()).isEqualTo(frame(60, 3));
      assertThat(server.frame()).as("not what was sent before").isEqualTo(ANNOUNCEMENT);
      // It is counted by whoever carries it, perhaps after the other end has it.
      Awaitility.await().untilAsserted(() -> assertThat(port.receivedFrames()).isEqualTo(1));
    }
  }

  /** Until the port has read all that was sent so far: it takes no more than its buffers and the socket's, so this many bytes end only if it reads. */
  private static void awaitRead(FrameServer server) throws IOException {
    byte[] many = FrameServer.prefixed(new byte[1518]);
    for (int i = 0; i < 2000; i++) {
      server.raw(many);
    }
    for (int i = 0; i < 600; i++) {
      server.raw(FrameServer.prefixed(new byte[5]));
    }
  }

  @Test
  void itAnnouncesTheGuestSeveralTimesWhenItGoesLive() throws Exception {
    try (FrameServer server = server();
        NetworkPort port = port(received::add)) {
      server.accept();
      port.goLive();
      for (int i = 0; i < 5; i++) {
        assertThat(server.frame()).as("announcement %d", i).isEqualTo(ANNOUNCEMENT);
      }
      port.goLive();
      port.send(Frames.pack(frame(70, 1)));
      assertThat(server.frame()).as("it was live already").isEqualTo(frame(70, 1));
      // It is counted by whoever carries it, perhaps after the other end has it.
      Awaitility.await().untilAsserted(() -> assertThat(port.sentFrames()).isEqualTo(6));
      port.leave();
      port.send(Frames.pack(frame(70, 2)));
      port.goLive();
      assertThat(server.frame()).as("nothing while it was not live").isEqualTo(ANNOUNCEMENT);
    }
  }

  /** As when its process was frozen, while which another replica may have gone live: it must have time to learn that before it draws the network to itself. */
  @Test
  void afterAStandstillItAnnouncesNothingAtOnce() throws Exception {
    CountDownLatch standing = new CountDownLatch(1);
    CountDownLatch goesOn = new CountDownLatch(1);
    CompletableFuture<NetworkPort> itself = new CompletableFuture<>();
    NetworkPort.Receiver receiver =
        packed -> {
          if (standing.getCount() > 0) {
            standing.countDown();
            awaitUninterruptibly(goesOn);
          } else {
            // On the port's own thread: in this very turn it may have announced something.
            itself.join().send(Frames.pack(frame(60, 2)));
          }
          return true;
        };
    try (FrameServer server = server();
        NetworkPort port = port(receiver)) {
      itself.complete(port);
      server.accept();
      port.goLive();
      server.raw(FrameServer.prefixed(frame(60, 9)));
      standing.await();
      port.send(Frames.pack(frame(60, 1)));
      byte[] sent = server.frame();
      while (Arrays.equals(sent, ANNOUNCEMENT)) {
        sent = server.frame();
      }
      assertThat(sent).as("the last before the standstill").isEqualTo(frame(60, 1));
      server.raw(FrameServer.prefixed(frame(60, 9)));
      TimeUnit.MILLISECONDS.sleep(STANDSTILL_MILLIS);
      goesOn.countDown();
      assertThat(server.frame()).as("the first after it").isEqualTo(frame(60, 2));
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aBatchIsSentFrameByFrame() throws Exception {
    try (FrameServer server = server();
        NetworkPort port = port(received::add)) {
      server.accept();
      port.goLive();
      ByteArrayOutputStream batch = new ByteArrayOutputStream();
      for (int i = 0; i < 20; i++) {
        batch.writeBytes(Frames.pack(frame(100 + i, i)));
      }
      port.send(batch.toByteArray());
      for (int i = 0; i < 20; i++) {
        byte[] frame = server.frame();
        if (frame.length == ANNOUNCEMENT.length) {
          i--;
        } else {
          assertThat(frame).isEqualTo(frame(100 + i, i));
        }
      }
    }
  }

  @Test
  void whatTheMachineDoesNotTakeNowIsOfferedAgain() throws Exception {
    int[] refusals = {5};
    try (FrameServer server = server();
        NetworkPort port = port(packed -> refusals[0]-- <= 0 && received.add(packed))) {
      server.accept();
      port.goLive();
      server.raw(FrameServer.prefixed(frame(60, 1)));
      server.raw(FrameServer.prefixed(frame(61, 2)));
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      while (all.size() < 62 + 63) {
        all.writeBytes(taken());
      }
      assertThat(Frames.unpack(all.toByteArray())).hasSize(2);
      assertThat(refusals[0]).isNegative();
    }
  }

  @Test
  void aNetworkThatGoesIsOpenedAgain() throws Exception {
    FrameServer first = server();
    try (NetworkPort port = port(received::add)) {
      first.accept();
      port.goLive();
      first.close();
      Awaitility.await().until(() -> notes.size() == 1);
      assertThat(notes.getFirst())
          .startsWith("passt at ")
          .contains("without its network until it can be opened again");
      long lost = port.lostFrames();
      port.send(Frames.pack(frame(60, 1)));
      assertThat(port.lostFrames()).isEqualTo(lost + 1);
      try (FrameServer second = server()) {
        second.accept();
        Awaitility.await().until(() -> notes.size() == 2);
        assertThat(notes.getLast()).isEqualTo("the guest's network is back");
        assertThat(second.frame()).as("who comes back is announced").isEqualTo(ANNOUNCEMENT);
        second.raw(FrameServer.prefixed(frame(60, 9)));
        assertThat(Frames.unpack(taken()).getFirst()).isEqualTo(frame(60, 9));
      }
    }
  }

  /** It ends while it waits for the network, for the machine, and for the time to open it again. */
  @Test
  void itEndsAtOnceWhateverItWaitsFor() throws Exception {
    Duration soon = Duration.ofSeconds(20);
    try (FrameServer server = server()) {
      NetworkPort idle = port(received::add);
      server.accept();
      Awaitility.await().atMost(soon).until(() -> closed(idle));
      NetworkPort refused = port(packed -> false);
      server.accept();
      refused.goLive();
      server.raw(FrameServer.prefixed(frame(60, 1)));
      Awaitility.await().atMost(soon).until(() -> closed(refused));
      NetworkPort gone = port(received::add);
      server.accept();
      server.hangUp();
      Awaitility.await().until(() -> notes.size() == 1);
      Awaitility.await().atMost(soon).until(() -> closed(gone));
    }
    assertThat(threads()).isZero();
  }

  private static boolean closed(NetworkPort port) {
    port.close();
    port.send(Frames.pack(new byte[60]));
    port.close();
    return true;
  }

  @Test
  void neitherDescriptorsNorThreadsAreLeft() throws Exception {
    try (FrameServer server = server()) {
      for (String mark : new String[] {"socket:", "eventpoll", "eventfd"}) {
        Descriptors.assertNoneLeft(mark, () -> usedAndClosed(server));
      }
    }
    assertThat(threads()).isZero();
  }

  private void usedAndClosed(FrameServer server) {
    try (NetworkPort port = port(received::add)) {
      server.accept();
      port.goLive();
      server.raw(FrameServer.prefixed(frame(60, 1)));
      taken();
      server.hangUp();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aNetworkThatIsNotThereIsToldAtOnce() {
    assertThatThrownBy(() -> port(received::add)).isInstanceOf(VmmException.class);
    assertThat(threads()).isZero();
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("network") && thread.isAlive())
        .count();
  }

  private byte[] taken() throws InterruptedException {
    byte[] packed = received.poll(20, TimeUnit.SECONDS);
    assertThat(packed).as("frames").isNotNull();
    return packed == null ? new byte[0] : packed;
  }

  private static byte[] frame(int length, int content) {
    byte[] frame = new byte[length];
    Arrays.fill(frame, (byte) content);
    return frame;
  }
}

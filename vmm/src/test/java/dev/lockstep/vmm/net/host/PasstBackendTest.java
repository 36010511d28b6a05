package dev.lockstep.vmm.net.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Descriptors;
import dev.lockstep.vmm.net.Frames;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** passt's stream of frames: against a server that sends every kind of it, and against a real passt. */
@Timeout(60)
class PasstBackendTest {
  private static final int BATCH_BYTES = 32 << 10;
  private static final int WAIT_MILLIS = 10_000;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  @TempDir Path folder = Path.of("unset");
  private FrameServer server;
  private PasstBackend backend;

  @BeforeEach
  void connect() throws IOException {
    server = new FrameServer(folder.resolve("socket"));
    backend = PasstBackend.connect(server.path);
    server.accept();
  }

  @AfterEach
  void close() throws IOException {
    backend.close();
    server.close();
  }

  @Test
  void framesComeInPiecesOfAnyLength() throws IOException {
    System.out.println("PasstBackendTest seed " + seed);
    byte[][] frames = new byte[60][];
    ByteBuffer stream = ByteBuffer.allocate(60 * 1522);
    for (int i = 0; i < frames.length; i++) {
      frames[i] = frame(random.nextInt(14, 1519));
      stream.put(FrameServer.prefixed(frames[i]));
    }
    List<byte[]> got = new ArrayList<>();
    stream.flip();
    while (stream.hasRemaining()) {
      byte[] piece =
          new byte[Math.min(stream.remaining(), 1 + random.nextInt(1 + random.nextInt(3000)))];
      stream.get(piece);
      server.raw(piece);
      byte[] packed = backend.receive(0, BATCH_BYTES);
      if (packed != null) {
        got.addAll(Frames.unpack(packed));
      }
    }
    while (got.size() < frames.length) {
      got.addAll(Frames.unpack(received(BATCH_BYTES)));
    }
    assertThat(got).hasSameSizeAs(frames);
    for (int i = 0; i < frames.length; i++) {
      assertThat(got.get(i)).as("seed %d, frame %d", seed, i).isEqualTo(frames[i]);
    }
    assertThat(backend.receive(1, BATCH_BYTES)).isNull();
  }

  @Test
  void noMoreBytesComeThanAreAskedFor() throws IOException {
    for (int i = 0; i < 5; i++) {
      server.raw(FrameServer.prefixed(frame(1518)));
    }
    int frames = 0;
    while (frames < 5) {
      byte[] packed = received(2 * 1520 + 100);
      assertThat(packed.length).isLessThanOrEqualTo(2 * 1520);
      frames += Frames.count(packed);
    }
  }

  @Test
  void whatIsNoFrameOfOursIsSkipped() throws IOException {
    byte[] good = frame(60);
    for (int length : new int[] {0, 1, 13, 1519, 9000, 65_536, 1 << 17}) {
      Thread writer = Thread.ofVirtual().start(() -> send(new byte[length]));
      Thread after =
          Thread.ofVirtual()
              .start(() -> {
                join(writer);
                send(good);
              });
      assertThat(Frames.unpack(received(BATCH_BYTES)).getFirst())
          .as("behind %d bytes", length)
          .isEqualTo(good);
      join(after);
    }
  }

  private void send(byte[] frame) {
    try {
      server.raw(FrameServer.prefixed(frame));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void lengthsThatCannotBeAreTheEnd() throws IOException {
    for (int length : new int[] {-1, Integer.MIN_VALUE, (1 << 17) + 1, Integer.MAX_VALUE}) {
      server.raw(FrameServer.prefixed(frame(60)));
      server.raw(ByteBuffer.allocate(4).putInt(length).array());
      assertThatThrownBy(() -> receiveToTheEnd(backend))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("passt at '%s' is gone", server.path)
          .hasMessageContaining("a frame of %d bytes", length);
      backend.close();
      backend = PasstBackend.connect(server.path);
      server.accept();
    }
  }

  @Test
  void aClosedSocketIsTheEnd() throws IOException {
    server.raw(new byte[] {0, 0, 0, 60, 1, 2, 3});
    server.hangUp();
    assertThatThrownBy(() -> receiveToTheEnd(backend))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it has closed its socket");
    byte[] packed = Frames.pack(frame(60));
    assertThatThrownBy(() -> backend.send(packed, 2, 60))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is gone");
  }

  @Test
  void framesAreSentBehindTheirLengths() throws IOException {
    byte[] packed = new byte[5000];
    random.nextBytes(packed);
    for (int length : new int[] {14, 60, 1518}) {
      assertThat(backend.send(packed, 7, length)).isTrue();
      assertThat(server.frame()).isEqualTo(Arrays.copyOfRange(packed, 7, 7 + length));
    }
  }

  /** A peer that does not read costs frames, whole ones, and never holds us up. */
  @Test
  void aFullSocketLosesWholeFrames() throws IOException {
    int taken = 0;
    while (backend.send(numbered(taken), 0, 1000)) {
      taken++;
    }
    for (int i = 0; i < 100; i++) {
      assertThat(backend.send(numbered(-1), 0, 1000)).isFalse();
    }
    for (int i = 0; i < taken; i++) {
      assertThat(ByteBuffer.wrap(server.frame()).getInt()).isEqualTo(i);
    }
    assertThat(backend.send(numbered(7), 0, 1000)).as("there is room again").isTrue();
    assertThat(ByteBuffer.wrap(server.frame()).getInt()).isEqualTo(7);
  }

  private static byte[] numbered(int number) {
    return ByteBuffer.allocate(1000).putInt(number).array();
  }

  @Test
  void noOneListens() {
    assertThatThrownBy(() -> PasstBackend.connect(folder.resolve("none")))
        .isInstanceOfSatisfying(
            VmmException.class,
            e -> {
              assertThat(e).hasMessageContaining("cannot be reached by its socket");
              assertThat(e.advice()).contains("passt --foreground");
            });
    assertThatThrownBy(() -> PasstBackend.connect(folder.resolve("x".repeat(200))))
        .as("longer than a socket's name can be")
        .isInstanceOf(VmmException.class);
  }

  @Test
  void nothingIsLeftOpen() throws IOException {
    for (String mark : new String[] {"socket:", "eventpoll", "eventfd"}) {
      Descriptors.assertNoneLeft(
          mark,
          () -> {
            PasstBackend.connect(server.path).close();
            assertThatThrownBy(() -> PasstBackend.connect(folder.resolve("none")))
                .isInstanceOf(VmmException.class);
            try {
              server.accept().hangUp();
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    }
  }

  /** RFC 2131: passt has a DHCP server, and offers the same address on every host, so that a guest that moves is found again. */
  @Test
  void aRealPasstAnswersAndForwards() throws IOException {
    assumePasst();
    int port = freePort();
    long before = passtFolders();
    try (PasstBackend passt = PasstBackend.start(List.of(new PortForward(false, port, 80)))) {
      byte[] discover = discover();
      assertThat(passt.send(discover, 0, discover.length)).isTrue();
      byte[] offer = await(passt, frame -> type(frame) == 0x0800 && port(frame, 34) == 67);
      assertThat(ByteBuffer.wrap(offer).getInt(42 + 4)).as("transaction").isEqualTo(0x1234);
      assertThat(Arrays.copyOfRange(offer, 42 + 16, 42 + 20))
          .as("address offered")
          .containsExactly(10, 0, 2, 15);
      assertThat(Arrays.copyOfRange(offer, 6, 12))
          .as("passt's Ethernet address")
          .containsExactly(0x52, 0x55, 0x0a, 0, 2, 2);
      try (SocketChannel client = SocketChannel.open()) {
        client.configureBlocking(false);
        client.connect(new InetSocketAddress("127.0.0.1", port));
        byte[] syn = await(passt, frame -> isTcpTo80(frame));
        assertThat(syn[14 + 20 + 13] & 0x3f).as("SYN").isEqualTo(2);
      }
    }
    assertThat(passtFolders()).as("folders of sockets").isEqualTo(before);
    assertThat(ProcessHandle.current().children().filter(PasstBackendTest::isPasst)).isEmpty();
  }

  @Test
  void aPasstThatSaysNoIsToldWithItsWords() throws IOException {
    assumePasst();
    long before = passtFolders();
    try (ServerSocket taken = new ServerSocket(0)) {
      PortForward forward = new PortForward(false, taken.getLocalPort(), 80);
      assertThatThrownBy(() -> PasstBackend.start(List.of(forward)))
          .isInstanceOfSatisfying(
              VmmException.class,
              e -> {
                assertThat(e).hasMessageContaining("passt has ended at once: ");
                assertThat(e).hasMessageNotContaining("without a word");
                assertThat(e.advice()).contains("forwarded ports");
              });
    }
    assertThat(passtFolders()).isEqualTo(before);
    assertThat(ProcessHandle.current().children().filter(PasstBackendTest::isPasst)).isEmpty();
  }

  @Test
  void aPasstThatDiesIsTheEnd() throws IOException {
    assumePasst();
    try (PasstBackend passt = PasstBackend.start(List.of())) {
      ProcessHandle.current()
          .children()
          .filter(PasstBackendTest::isPasst)
          .forEach(ProcessHandle::destroyForcibly);
      assertThatThrownBy(() -> receiveToTheEnd(passt))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("is gone");
    }
  }

  private static boolean isPasst(ProcessHandle process) {
    return process.info().command().orElse("").contains("passt");
  }

  private static void assumePasst() {
    boolean there =
        Arrays.stream(System.getenv("PATH").split(":"))
            .anyMatch(path -> Files.isExecutable(Path.of(path, "passt")));
    assumeTrue(there, "there is no passt on this host: it is not tested");
  }

  private static long passtFolders() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("lockstep-passt"))
          .count();
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static byte[] await(PasstBackend passt, Predicate<byte[]> wanted) throws IOException {
    long until = System.nanoTime() + 20_000_000_000L;
    while (System.nanoTime() < until) {
      byte[] packed = passt.receive(100, BATCH_BYTES);
      for (byte[] frame : packed == null ? List.<byte[]>of() : Frames.unpack(packed)) {
        if (wanted.test(frame)) {
          return frame;
        }
      }
    }
    throw new AssertionError("no such frame in 20 s");
  }

  private static int type(byte[] frame) {
    return port(frame, 12);
  }

  private static int port(byte[] frame, int at) {
    return frame.length < at + 2 ? -1 : ByteBuffer.wrap(frame).getShort(at) & 0xffff;
  }

  private static boolean isTcpTo80(byte[] frame) {
    return type(frame) == 0x0800 && frame[23] == 6 && port(frame, 36) == 80;
  }

  /** A DHCPDISCOVER to everybody, by 52:54:00:00:00:01. */
  private static byte[] discover() {
    int options = 240;
    int udp = 8 + options + 4 + 60;
    ByteBuffer frame = ByteBuffer.allocate(14 + 20 + udp);
    byte[] guest = {0x52, 0x54, 0, 0, 0, 1};
    frame.put(new byte[] {-1, -1, -1, -1, -1, -1}).put(guest).putShort((short) 0x0800);
    frame.put((byte) 0x45).put((byte) 0).putShort((short) (20 + udp)).putInt(0);
    frame.put((byte) 64).put((byte) 17).putShort((short) 0).putInt(0).putInt(-1);
    int sum = 0;
    for (int i = 14; i < 34; i += 2) {
      sum += frame.getShort(i) & 0xffff;
    }
    frame.putShort(24, (short) ~((sum & 0xffff) + (sum >>> 16)));
    frame.putShort((short) 68).putShort((short) 67).putShort((short) udp).putShort((short) 0);
    frame.put((byte) 1).put((byte) 1).put((byte) 6).put((byte) 0).putInt(0x1234);
    frame.position(42 + 28);
    frame.put(guest);
    frame.position(42 + 236);
    frame.putInt(0x63825363).put((byte) 53).put((byte) 1).put((byte) 1).put((byte) 255);
    return frame.array();
  }

  /** Bounded, so that a backend that never ends fails instead of hanging. */
  private static void receiveToTheEnd(PasstBackend from) throws IOException {
    long until = System.nanoTime() + WAIT_MILLIS * 1_000_000L;
    while (System.nanoTime() < until) {
      from.receive(100, BATCH_BYTES);
    }
  }

  private byte[] received(int maxBytes) throws IOException {
    long until = System.nanoTime() + WAIT_MILLIS * 1_000_000L;
    byte[] packed = null;
    while (packed == null) {
      assertThat(System.nanoTime()).as("frames").isLessThan(until);
      packed = backend.receive(100, maxBytes);
    }
    assertThat(Frames.count(packed)).isPositive();
    return packed;
  }

  private byte[] frame(int length) {
    byte[] frame = new byte[length];
    random.nextBytes(frame);
    return frame;
  }
}

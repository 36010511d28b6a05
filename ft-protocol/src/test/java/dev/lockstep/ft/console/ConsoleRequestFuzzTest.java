package dev.lockstep.ft.console;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.BugDetectors;
import com.code_intelligence.jazzer.api.SilentCloseable;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.lockstep.vmm.fuzz.Fuzzing;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes from a client of the console port, over a real socket: the stream from an offset that is kept, or one line that says how to ask; and the next client is served. */
class ConsoleRequestFuzzTest {
  private static final int TIMEOUT_MILLIS = 10_000;
  private static final byte[] STREAM = "what was put out".getBytes(StandardCharsets.US_ASCII);

  private ConsoleHistory history = new ConsoleHistory(64);
  private ConsoleServer server = start(history);

  private static ConsoleServer start(ConsoleHistory history) {
    history.accept(0, STREAM);
    return ConsoleServer.start(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), history, typed -> true);
  }

  @BeforeEach
  void endOfStream() {
    // Its clients are not kept waiting for more.
    history.close();
  }

  @AfterEach
  void close() {
    server.close();
  }

  static Stream<byte[]> seeds() {
    return Stream.of(
            "console 0\n",
            "console 5\nls\n",
            "console 999999999999999999\n",
            "console -1\n",
            "GET / HTTP/1.1\n\n",
            "x".repeat(100))
        .map(text -> text.getBytes(StandardCharsets.US_ASCII));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = Fuzzing.DURATION)
  void theStreamOrOneLine(byte[] data) throws IOException {
    String answer = asked(data);
    // A client that sends on while it is refused may see the connection reset before the words.
    assertThat(answer).matches("(?s)(error say: console OFFSET\n|at \\d+\n.*|)");
    if (answer.startsWith("at ")) {
      assertThat(new String(data, StandardCharsets.ISO_8859_1).strip()).startsWith("console ");
    }
    assertThat(asked("console 5\n".getBytes(StandardCharsets.US_ASCII)))
        .isEqualTo("at 5\nwas put out");
  }

  private String asked(byte[] data) throws IOException {
    // Jazzer takes a connection for a finding.
    try (SilentCloseable _ = BugDetectors.allowNetworkConnections();
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      // Many clients a second: none may wait in the kernel after its end.
      socket.setSoLinger(true, 0);
      socket.getOutputStream().write(data);
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    } catch (SocketException e) {
      return "";
    }
  }
}

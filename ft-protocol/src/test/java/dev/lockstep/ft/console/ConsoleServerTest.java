package dev.lockstep.ft.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A consumer by offset sees every byte once, across servers. */
final class ConsoleServerTest {
  private static final InetSocketAddress ANY =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  private static final int TIMEOUT_MILLIS = 10_000;

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static InetSocketAddress of(ConsoleServer server) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port());
  }

  private static String readAll(ConsoleClient client) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    byte[] buffer = new byte[3];
    for (int n = client.read(buffer); n > 0; n = client.read(buffer)) {
      all.write(buffer, 0, n);
    }
    return all.toString(StandardCharsets.US_ASCII);
  }

  @Test
  void aClientGoesOnAtAnotherServerWhereItWas() throws IOException {
    ConsoleHistory primary = new ConsoleHistory(1024);
    ConsoleHistory backup = new ConsoleHistory(1024);
    primary.accept(0, ascii("one two "));
    backup.accept(0, ascii("one two three"));
    backup.close();
    long offset;
    try (ConsoleServer first = ConsoleServer.start(ANY, primary, bytes -> true);
        ConsoleClient client = ConsoleClient.connect(of(first), 0, TIMEOUT_MILLIS)) {
      byte[] buffer = new byte[8];
      int n = client.read(buffer);
      assertThat(new String(buffer, 0, n, StandardCharsets.US_ASCII)).isEqualTo("one two ");
      offset = client.offset();
    }
    try (ConsoleServer second = ConsoleServer.start(ANY, backup, bytes -> true);
        ConsoleClient client = ConsoleClient.connect(of(second), offset, TIMEOUT_MILLIS)) {
      assertThat(readAll(client)).isEqualTo("three");
    }
  }

  @Test
  void bytesThatComeLaterAreWaitedFor() throws IOException {
    ConsoleHistory history = new ConsoleHistory(16);
    try (ConsoleServer server = ConsoleServer.start(ANY, history, bytes -> true);
        ConsoleClient client = ConsoleClient.connect(of(server), 0, TIMEOUT_MILLIS)) {
      Thread.ofVirtual()
          .start(() -> {
            history.accept(0, ascii("hello "));
            history.accept(0, ascii("hello wor"));
            history.accept(9, ascii("ld"));
            history.close();
          });
      assertThat(readAll(client)).isEqualTo("hello world");
    }
  }

  @Test
  void whatIsTypedReachesTheGuest() throws Exception {
    BlockingQueue<byte[]> typed = new LinkedBlockingQueue<>();
    try (ConsoleServer server = ConsoleServer.start(ANY, new ConsoleHistory(16), typed::add);
        ConsoleClient client = ConsoleClient.connect(of(server), 0, TIMEOUT_MILLIS)) {
      client.write(ascii("ls\n"));
      assertThat(typed.poll(TIMEOUT_MILLIS, TimeUnit.MILLISECONDS)).isEqualTo(ascii("ls\n"));
    }
  }

  @Test
  void whatTheGuestCannotTakeYetIsOfferedAgain() throws Exception {
    AtomicInteger refusals = new AtomicInteger(3);
    BlockingQueue<byte[]> taken = new LinkedBlockingQueue<>();
    try (ConsoleServer server =
            ConsoleServer.start(
                ANY,
                new ConsoleHistory(16),
                typed -> refusals.getAndDecrement() <= 0 && taken.add(typed));
        ConsoleClient client = ConsoleClient.connect(of(server), 0, TIMEOUT_MILLIS)) {
      client.write(ascii("ls\n"));
      assertThat(taken.poll(TIMEOUT_MILLIS, TimeUnit.MILLISECONDS)).isEqualTo(ascii("ls\n"));
    }
    assertThat(refusals).hasValue(-1);
  }

  @Test
  void bytesThatAreGoneAreNotMadeUp() throws IOException {
    ConsoleHistory history = new ConsoleHistory(4);
    history.accept(0, ascii("0123456789"));
    try (ConsoleServer server = ConsoleServer.start(ANY, history, bytes -> true)) {
      assertThatThrownBy(() -> ConsoleClient.connect(of(server), 2, TIMEOUT_MILLIS))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("at 6");
    }
  }

  @Test
  void aContradictionOrAGapIsABrokenInvariant() {
    ConsoleHistory history = new ConsoleHistory(16);
    history.accept(0, ascii("abc"));
    assertThatThrownBy(() -> history.accept(1, ascii("xc")))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> history.accept(4, ascii("e")))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void garbageGetsAnErrorAndTheNextClientIsServed() throws IOException {
    ConsoleHistory history = new ConsoleHistory(16);
    history.accept(0, ascii("ok"));
    history.close();
    try (ConsoleServer server = ConsoleServer.start(ANY, history, bytes -> true)) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
        socket.getOutputStream().write(ascii("GET / HTTP/1.1\r\n\r\n"));
        assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
            .startsWith("error");
      }
      try (ConsoleClient client = ConsoleClient.connect(of(server), 0, TIMEOUT_MILLIS)) {
        assertThat(readAll(client)).isEqualTo("ok");
      }
    }
  }

  @Test
  void aPortInUseIsNamed() {
    try (ConsoleServer server = ConsoleServer.start(ANY, new ConsoleHistory(16), bytes -> true)) {
      assertThatThrownBy(
              () -> ConsoleServer.start(of(server), new ConsoleHistory(16), bytes -> true))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining(String.valueOf(server.port()));
    }
  }
}

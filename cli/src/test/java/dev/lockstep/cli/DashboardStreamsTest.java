package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.cli.control.HostedVms;
import dev.lockstep.cli.dashboard.Dashboard;
import dev.lockstep.ft.control.proto.StartOptions;
import dev.lockstep.ft.control.proto.VmState;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The dashboard's WebSockets as a page uses them, and as none should. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class DashboardStreamsTest {
  private static final String GREETING = "hello\n";

  @TempDir Path folder;
  private HostedVms vms;
  private Dashboard dashboard;

  @BeforeEach
  void open() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
    vms = new HostedVms(folder.resolve("vms"), new SnapshotFolders(), "test");
    dashboard = Dashboard.start(vms, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  @AfterEach
  void close() {
    dashboard.close();
    vms.close();
  }

  private String cookie() {
    return "lockstep-%d=%s"
        .formatted(
            dashboard.address().getPort(),
            URI.create(dashboard.url()).getQuery().replace("token=", ""));
  }

  private String authority() {
    return "127.0.0.1:" + dashboard.address().getPort();
  }

  private Page page(String path) {
    Listener listener = new Listener();
    WebSocket socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .header("Cookie", cookie())
            .header("Origin", "http://" + authority())
            .buildAsync(URI.create("ws://" + authority() + path), listener)
            .join();
    return new Page(socket, listener);
  }

  private void start(TinyGuest guest) throws Exception {
    vms.create(ControlRig.config("web", guest.write(folder.resolve("guest"))), null);
    vms.find("web").start(StartOptions.getDefaultInstance());
  }

  @Test
  void aConsoleGoesOnAtItsOffset() throws Exception {
    start(new TinyGuest().print(GREETING).echoUntil('Q').exit(5));
    await().until(() -> vms.find("web").status().getConsole().getEndOffset() == GREETING.length());
    Page first = page("/ws/console?vm=web");
    await().until(() -> first.text().equals(GREETING));
    assertThat(first.firstOffset()).isZero();
    first.type("abc");
    await().until(() -> first.text().equals("hello\nabc"));
    first.socket().abort();

    Matcher opened = Pattern.compile("\"run\":\"([^\"]+)\"").matcher(first.messages().getFirst());
    assertThat(opened.find()).isTrue();
    Page again = page("/ws/console?vm=web&run=%s&from=7".formatted(opened.group(1)));
    await().until(() -> again.text().equals("bc"));
    assertThat(again.firstOffset()).isEqualTo(7);
    assertThat(again.messages().getFirst()).contains("\"end\":9");

    Page foreign = page("/ws/console?vm=web&run=other&from=7");
    await().until(() -> foreign.text().equals("hello\nabc"));
    assertThat(foreign.firstOffset()).as("an offset of another run").isZero();

    again.type("Q");
    await().until(() -> again.messages().getLast().contains("\"ended\""));
    assertThat(again.text()).isEqualTo("bcQ");
    await().until(again::closed);
    await().until(() -> dashboard.openStreams() == 0);
  }

  @Test
  void theNextRunIsAnotherConsole() throws Exception {
    start(new TinyGuest().print(GREETING).exit(0));
    await().until(() -> vms.find("web").status().getState() == VmState.VM_STATE_ENDED);
    Page ended = page("/ws/console?vm=web");
    await().until(() -> ended.text().equals(GREETING));
    await().until(ended::closed);
    vms.find("web").start(StartOptions.getDefaultInstance());
    await().until(() -> vms.find("web").status().getState() == VmState.VM_STATE_ENDED);
    Page second = page("/ws/console?vm=web&run=other");
    await().until(second::closed);
    assertThat(second.messages().getFirst())
        .as("the next run has another name")
        .isNotEqualTo(ended.messages().getFirst());
  }

  @Test
  void whatAGuestDoesNotTakeIsTold() throws Exception {
    start(new TinyGuest().print(GREETING).echoUntil('Q').exit(5));
    Page page = page("/ws/console?vm=web");
    await().until(() -> page.text().equals(GREETING));
    vms.find("web").pause();
    String typed = "x".repeat(8192);
    for (int i = 0; i < 1000 && page.messages("\"refused\"").isEmpty(); i++) {
      page.type(typed);
    }
    await().until(() -> !page.messages("\"refused\"").isEmpty());
    assertThat(page.messages("\"refused\"").getFirst()).contains("takes no input now");
    vms.find("web").resume();
    await().until(() -> vms.find("web").type("Q".getBytes(StandardCharsets.US_ASCII)));
    await().until(page::closed);
    assertThat(page.text()).startsWith(GREETING + "xxx").endsWith("xQ");
  }

  @Test
  void messagesThatNoPageSendsEndTheStream() throws Exception {
    start(new TinyGuest().print(GREETING).spin());
    Page large = page("/ws/console?vm=web");
    large.socket().sendBinary(ByteBuffer.allocate(9000), true);
    await().until(large::closed);
    Page text = page("/ws/console?vm=web");
    text.socket().sendText("hello", true);
    await().until(text::closed);
    Page state = page("/ws/state");
    await().until(() -> !state.messages().isEmpty());
    state.type("x");
    await().until(state::closed);
    await().until(() -> dashboard.openStreams() == 0);
  }

  @Test
  void statesComeAndEventsAreNotRepeated() throws Exception {
    start(new TinyGuest().print(GREETING).echoUntil('Q').exit(5));
    Page state = page("/ws/state");
    await().until(() -> state.messages("\"type\":\"state\"").size() > 2);
    assertThat(state.messages("\"type\":\"state\"").getLast())
        .contains("\"name\":\"web\"", "\"sample\":[", "\"console_run\":\"");
    long newest = vms.events().newest();
    await().until(() -> state.messages("\"sequence\":" + newest).size() == 1);
    Page again = page("/ws/state?after=" + (newest - 1));
    await().until(() -> !again.messages("\"type\":\"event\"").isEmpty());
    assertThat(again.messages("\"type\":\"event\"").getFirst()).contains("\"sequence\":" + newest);
    Page stranger = page("/ws/state?after=999999");
    await().until(() -> stranger.messages("\"sequence\":1,").size() == 1);
  }

  /** Waits out the time after which a browser is dropped. */
  @Test
  @Tag("long")
  void aBrowserThatTakesNothingIsDropped() throws Exception {
    // 0: mov al, 'x'; out dx, al; jmp 0
    start(new TinyGuest().print("x").emit(0xb0, 'x', 0xee, 0xeb, 0xfb));
    try (Socket socket = new Socket()) {
      socket.setReceiveBufferSize(4096);
      socket.connect(dashboard.address());
      socket
          .getOutputStream()
          .write(
              ("GET /ws/console?vm=web HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nCookie: %s\r\nConnection: Upgrade\r\n"
                      + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                  .formatted(authority(), authority(), cookie())
                  .getBytes(StandardCharsets.US_ASCII));
      assertThat(socket.getInputStream().readNBytes(12))
          .isEqualTo("HTTP/1.1 101".getBytes(StandardCharsets.US_ASCII));
      Page reader = page("/ws/state");
      assertThat(dashboard.openStreams()).isEqualTo(2);
      await().until(() -> dashboard.openStreams() == 1);
      assertThat(reader.closed()).as("the one that reads").isFalse();
    }
  }

  /** One side of a WebSocket, and what came. */
  private record Page(WebSocket socket, Listener came) {
    void type(String text) {
      socket.sendBinary(ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1)), true).join();
    }

    List<String> messages() {
      return came.messages();
    }

    List<String> messages(String with) {
      return came.messages().stream().filter(it -> it.contains(with)).toList();
    }

    String text() {
      return came.text();
    }

    long firstOffset() {
      return came.firstOffset();
    }

    boolean closed() {
      return came.closed();
    }
  }

  /** What came on a WebSocket. */
  private static final class Listener implements WebSocket.Listener {
    private final StringBuilder message = new StringBuilder();
    private final List<String> messages = new ArrayList<>();
    private final ByteArrayOutputStream part = new ByteArrayOutputStream();
    private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
    private long firstOffset = -1;
    private boolean closed;

    @Override
    public synchronized @Nullable CompletionStage<?> onText(
        WebSocket from, CharSequence data, boolean last) {
      message.append(data);
      if (last) {
        messages.add(message.toString());
        message.setLength(0);
      }
      from.request(1);
      return null;
    }

    @Override
    public synchronized @Nullable CompletionStage<?> onBinary(
        WebSocket from, ByteBuffer data, boolean last) {
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      part.writeBytes(bytes);
      if (last) {
        ByteBuffer whole = ByteBuffer.wrap(part.toByteArray());
        long offset = whole.getLong();
        if (firstOffset < 0) {
          firstOffset = offset;
        }
        assertThat(offset).as("no gap").isEqualTo(firstOffset + shown.size());
        shown.write(whole.array(), Long.BYTES, whole.remaining());
        part.reset();
      }
      from.request(1);
      return null;
    }

    @Override
    public synchronized @Nullable CompletionStage<?> onClose(
        WebSocket from, int status, String reason) {
      closed = true;
      return null;
    }

    @Override
    public synchronized void onError(WebSocket from, Throwable error) {
      closed = true;
    }

    synchronized List<String> messages() {
      return List.copyOf(messages);
    }

    synchronized String text() {
      return shown.toString(StandardCharsets.ISO_8859_1);
    }

    synchronized long firstOffset() {
      return firstOffset;
    }

    synchronized boolean closed() {
      return closed;
    }
  }
}

package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.cli.control.HostedVms;
import dev.lockstep.cli.dashboard.Dashboard;
import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.control.proto.StartOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the dashboard answers to requests, byte by byte as somebody may send them who is no browser. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
final class DashboardRequestsTest {
  private static final int READ_TIMEOUT_MILLIS = 30_000;

  @TempDir Path folder;
  private HostedVms vms;
  private Dashboard dashboard;
  private String token = "";
  private String cookie = "";

  @BeforeEach
  void open() {
    vms = new HostedVms(folder.resolve("vms"), new SnapshotFolders(), "test");
    dashboard = Dashboard.start(vms, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    token = URI.create(dashboard.url()).getQuery().replace("token=", "");
    cookie = "Cookie: lockstep-%d=%s\r\n".formatted(port(), token);
  }

  @AfterEach
  void close() {
    dashboard.close();
    vms.close();
  }

  private int port() {
    return dashboard.address().getPort();
  }

  private String host() {
    return "Host: 127.0.0.1:%d\r\n".formatted(port());
  }

  private String origin() {
    return "Origin: http://127.0.0.1:%d\r\n".formatted(port());
  }

  /** Sends a request and reads what comes until the other side closes. */
  private String send(String request) throws IOException {
    try (Socket socket = new Socket(dashboard.address().getAddress(), port())) {
      socket.setSoTimeout(READ_TIMEOUT_MILLIS);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      socket.getOutputStream().flush();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  private String get(String path, String headers) throws IOException {
    return send("GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n".formatted(path, headers));
  }

  private String post(String path, String headers, String body) throws IOException {
    return send(
        "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            .formatted(path, headers, body.length(), body));
  }

  private static int status(String answer) {
    assertThat(answer).startsWith("HTTP/1.1 ");
    return Integer.parseInt(answer.substring(9, 12));
  }

  @Test
  void theTokenLetsInOnce() throws Exception {
    String letIn = get("/?token=" + token, host());
    assertThat(status(letIn)).isEqualTo(303);
    assertThat(letIn.toLowerCase(java.util.Locale.ROOT))
        .contains("location: /\r\n", "httponly", "samesite=strict");
    assertThat(status(get("/?token=" + token.substring(1), host()))).isEqualTo(403);
    assertThat(status(get("/?token=", host()))).isEqualTo(403);
    assertThat(status(get("/", host()))).as("without a cookie").isEqualTo(403);
    assertThat(status(get("/app.js", host()))).isEqualTo(403);
    assertThat(status(get("/", host() + cookie.replace("=" + token, "=x")))).isEqualTo(403);
    String page = get("/", host() + cookie);
    assertThat(status(page)).isEqualTo(200);
    assertThat(page).contains("script-src 'self';", "default-src 'none'", "frame-ancestors 'none'");
    assertThat(page.replaceAll("(?s)^.*?\r\n\r\n", ""))
        .as("scripts and handlers in the page itself")
        .doesNotContainPattern("<script(?![^>]*\\ssrc=)|\\son[a-z]+=");
  }

  @Test
  void hostsAndOriginsThatAreNotOursAreRefused() throws Exception {
    String other = "Host: evil.example:%d\r\n".formatted(port());
    assertThat(status(get("/", other + cookie))).isEqualTo(403);
    assertThat(status(get("/?token=" + token, other))).isEqualTo(403);
    assertThat(status(get("/", "Host: 127.0.0.1.evil.example\r\n" + cookie))).isEqualTo(403);
    assertThat(status(get("/", cookie))).as("without a host").isEqualTo(403);
    assertThat(status(get("/", host() + other + cookie))).as("two hosts").isIn(400, 403);
    assertThat(status(get("/", "Host: localhost:1\r\n" + cookie))).as("a tunnel").isEqualTo(200);
    assertThat(status(get("/api/samples", host() + cookie + "Sec-Fetch-Site: same-site\r\n")))
        .isEqualTo(403);
    String json = "Content-Type: application/json\r\n";
    String body = "{\"vm\": \"none\"}";
    assertThat(status(post("/api/pause", host() + cookie + json, body)))
        .as("without an origin")
        .isEqualTo(403);
    assertThat(
            status(
                post(
                    "/api/pause", host() + cookie + json + "Origin: http://127.0.0.1:1\r\n", body)))
        .isEqualTo(403);
    assertThat(status(post("/api/pause", host() + json + origin(), body)))
        .as("without a cookie")
        .isEqualTo(403);
    assertThat(status(post("/api/pause", host() + cookie + json + origin(), body)))
        .as("no such VM")
        .isEqualTo(404);
    String upgrade =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assertThat(status(get("/ws/state", host() + cookie + upgrade))).isEqualTo(403);
    assertThat(
            status(get("/ws/state", host() + cookie + upgrade + "Origin: http://evil.example\r\n")))
        .isEqualTo(403);
  }

  @Test
  void requestsThatAreTooLargeOrWrongAreAnswered() throws Exception {
    String json = "Content-Type: application/json\r\n";
    String all = host() + cookie + origin() + json;
    assertThat(status(post("/api/pause", all, "x".repeat(5000)))).isEqualTo(413);
    assertThat(status(get("/?" + "x".repeat(5000), host()))).isEqualTo(400);
    assertThat(status(get("/", host() + "X: " + "x".repeat(10_000) + "\r\n"))).isEqualTo(400);
    assertThat(status(send("nonsense\r\n\r\n"))).isIn(400, 403);
    assertThat(status(get("/nothing", host() + cookie))).isEqualTo(404);
    assertThat(status(get("/../../etc/passwd", host() + cookie))).isEqualTo(404);
    assertThat(status(get("/%zz", host() + cookie))).isEqualTo(400);
    assertThat(status(get("/api/kill", host() + cookie))).isEqualTo(405);
    assertThat(status(post("/", all, ""))).isEqualTo(405);
    assertThat(status(post("/api/pause", host() + cookie + origin(), "{}"))).isEqualTo(415);
    for (String body : new String[] {"", "{", "[]", "1", "{\"vm\": 1}", "{}"}) {
      String answer = post("/api/pause", all, body);
      assertThat(status(answer)).as(body).isEqualTo(400);
      assertThat(answer).contains("\"advice\"");
    }
    assertThat(status(get("/ws/state", all))).as("no WebSocket").isEqualTo(400);
  }

  @Test
  void aKillNeedsItsConfirmationAndTheRoleThatTheUserSaw() throws Exception {
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("spin"));
    vms.create(ControlRig.config("web", kernel), null);
    vms.find("web").start(StartOptions.getDefaultInstance());
    String all = host() + cookie + origin() + "Content-Type: application/json\r\n";
    String answer = post("/api/kill", all, "{\"vm\": \"web\"}");
    assertThat(status(answer)).isEqualTo(400);
    answer = post("/api/kill", all, "{\"vm\": \"web\", \"confirm\": \"we\", \"role\": \"alone\"}");
    assertThat(status(answer)).isEqualTo(400);
    answer =
        post("/api/kill", all, "{\"vm\": \"web\", \"confirm\": \"web\", \"role\": \"primary\"}");
    assertThat(status(answer)).isEqualTo(409);
    assertThat(answer).contains("is alone here by now, not primary");
    answer =
        post("/api/failover", all, "{\"vm\": \"web\", \"confirm\": \"web\", \"role\": \"alone\"}");
    assertThat(status(answer)).isEqualTo(409);
    assertThat(vms.find("web").status().getLive()).as("still runs").isTrue();
    answer = post("/api/kill", all, "{\"vm\": \"web\", \"confirm\": \"web\", \"role\": \"alone\"}");
    assertThat(status(answer)).isEqualTo(200);
    assertThat(vms.find("web").status().getEnd().getReason()).isEqualTo("killed");
    for (String action : new String[] {"start", "stop"}) {
      assertThat(status(post("/api/" + action, all, "{\"vm\": \"web\"}"))).isEqualTo(400);
    }
    String idle = "{\"vm\": \"web\", \"confirm\": \"web\", \"role\": \"\"}";
    assertThat(status(post("/api/stop", all, idle))).as("does not run").isEqualTo(409);
    assertThat(status(post("/api/start", all, idle))).isEqualTo(200);
    assertThat(status(post("/api/start", all, idle))).as("the role moved on").isEqualTo(409);
    assertThat(vms.find("web").status().getLive()).isTrue();
  }

  @Test
  void itIsServedOnLoopbackAlone() {
    for (String host : new String[] {"0.0.0.0", "192.0.2.1"}) {
      assertThatThrownBy(() -> Dashboard.start(vms, new InetSocketAddress(host, 0)))
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("loopback only");
    }
    assertThatThrownBy(() -> Dashboard.start(vms, dashboard.address()))
        .isInstanceOf(VmmException.class)
        .hasMessageContaining("cannot listen");
  }
}

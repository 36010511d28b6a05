package dev.lockstep.cli;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Response;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.ColorScheme;
import com.sun.net.httpserver.HttpServer;
import dev.lockstep.ft.control.proto.ProtectionState;
import dev.lockstep.ft.control.proto.VmRole;
import dev.lockstep.ft.control.proto.VmState;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The dashboard as a user sees it: real daemons, a real pair, a real browser. What the pages looked like is kept in target/screenshots. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class DashboardTest {
  /** Asks the terminal where its cursor is: an answer is typed at the guest. */
  private static final String QUESTION = "\u001b[6n";

  private static final String GREETING = "hello\r\n" + QUESTION;

  @TempDir Path folder;
  private static DashboardBrowser browser;

  @BeforeAll
  static void open() {
    Awaitility.setDefaultTimeout(90, TimeUnit.SECONDS);
    PlaywrightAssertions.setDefaultAssertionTimeout(90_000);
    browser = DashboardBrowser.open();
  }

  @AfterAll
  static void close() {
    if (browser != null) {
      browser.close();
    }
  }

  @AfterEach
  void closePages() {
    // A page that outlives its daemon asks for it again and again.
    browser.closePages();
  }

  private Path echo() throws Exception {
    return new TinyGuest().print(GREETING).echoUntil('Q').exit(5).write(folder.resolve("echo"));
  }

  private static Locator cell(Page page, String vm, int column) {
    return page.locator("#vms tr[data-vm='%s'] > *:nth-child(%d)".formatted(vm, column));
  }

  private static Locator rows(Page page) {
    return page.locator("#terminal .xterm-rows");
  }

  private static void showsBytes(Page page, int offset) {
    assertThat(page.locator("#terminal")).hasAttribute("data-offset", Integer.toString(offset));
  }

  private static void type(Page page, String text) {
    page.locator("#terminal .xterm-helper-textarea").focus();
    page.keyboard().type(text);
  }

  @Test
  void aPairIsWatchedTypedAtKilledAndGoesOnElsewhere() throws Exception {
    Path arbiter = folder.resolve("arbiter");
    try (DashboardRig a = new DashboardRig(folder, "a");
        DashboardRig b = new DashboardRig(folder, "b")) {
      b.start("web", echo(), DashboardRig.backup(arbiter));
      a.start(
          "web",
          folder.resolve("echo"),
          DashboardRig.primary(arbiter, b.status("web").getReplication().getListenAddress()));
      a.create("idle", folder.resolve("echo"));
      await()
          .until(
              () -> a.status("web").getProtection() == ProtectionState.PROTECTION_STATE_PROTECTED);
      await().until(() -> a.status("web").getConsole().getEndOffset() == GREETING.length());

      Page page = browser.page(1920, 1080, ColorScheme.LIGHT);
      page.navigate(a.url + "#web");
      assertThat(page).hasURL(a.origin() + "/#web");
      page.locator("#vms tr[data-vm='web'] button").click();
      seesAndTypes(page);
      keepsItsConsoleOverAReload(page);
      chartsMove(page);
      DashboardBrowser.keep(page, "protected-1920-light");

      Page dark = browser.page(1024, 768, ColorScheme.DARK);
      dark.navigate(a.url);
      dark.locator("#vms tr[data-vm='web'] button").click();
      assertThat(rows(dark)).containsText("abcdef");
      chartsMove(dark);
      DashboardBrowser.keep(dark, "protected-1024-dark");

      Page other = browser.page(1024, 768, ColorScheme.LIGHT);
      other.navigate(b.url);
      assertThat(cell(other, "web", 3)).hasText("backup");
      assertThat(other.locator("#console-hint")).containsText("Only to read");
      DashboardBrowser.keep(other, "backup-1024-light");

      isKilledAfterItsNameWasTyped(page);
      assertThat(a.status("idle").getState())
          .as("the VM that was not meant")
          .isEqualTo(VmState.VM_STATE_CREATED);
      assertThat(cell(other, "web", 3)).hasText("primary");
      assertThat(cell(other, "web", 4)).hasText(Pattern.compile(".?needBackup"));
      type(other, "xyz");
      assertThat(rows(other)).containsText("abcdefxyz");
      showsBytes(other, GREETING.length() + "abcdefxyz".length());
      assertThat(b.status("web").getRole()).isEqualTo(VmRole.VM_ROLE_PRIMARY);
      assertThat(other.locator("#events li").first()).containsText("web");
      DashboardBrowser.keep(other, "gone-live-1024-light");
    }
  }

  @Test
  void aPairIsFailedOverByItsButtonAndTheOldPrimaryBecomesTheBackup() throws Exception {
    Path arbiter = folder.resolve("arbiter");
    try (DashboardRig a = new DashboardRig(folder, "a");
        DashboardRig b = new DashboardRig(folder, "b")) {
      b.start("web", echo(), DashboardRig.backup(arbiter));
      a.start(
          "web",
          folder.resolve("echo"),
          DashboardRig.primary(arbiter, b.status("web").getReplication().getListenAddress()));
      // What a terminal is asked while it watches it answers, and the guest would echo that.
      await().until(() -> a.status("web").getConsole().getEndOffset() == GREETING.length());
      Page page = browser.page(1440, 900, ColorScheme.LIGHT);
      page.navigate(a.url + "#web");
      assertThat(cell(page, "web", 4)).hasText(Pattern.compile(".?protected"));
      // What is typed before the console shows all that there was is not sent.
      showsBytes(page, GREETING.length());
      type(page, "abc");
      assertThat(rows(page)).containsText("abc");
      confirm(page, "failover", "web", "failover-asked-1440-light");
      assertThat(cell(page, "web", 3)).hasText("backup");
      assertThat(page.locator("#alerts p")).hasCount(0);
      await().until(() -> b.status("web").getLive());
      assertThat(b.status("web").getRole()).isEqualTo(VmRole.VM_ROLE_PRIMARY);
      Page other = browser.page(1440, 900, ColorScheme.LIGHT);
      other.navigate(b.url + "#web");
      assertThat(cell(other, "web", 3)).hasText("primary");
      assertThat(cell(other, "web", 4)).hasText(Pattern.compile(".?protected"));
      assertThat(rows(other)).containsText("abc");
      type(other, "def");
      assertThat(rows(other)).containsText("abcdef");
      DashboardBrowser.keep(page, "failed-over-1440-light");
      DashboardBrowser.keep(other, "failed-over-here-1440-light");
      assertThat(a.status("web").getRole()).isEqualTo(VmRole.VM_ROLE_BACKUP);
      // The backup that is stopped leaves; what is left says that it needs one.
      confirm(page, "stop", "web", "stop-asked-1440-light");
      assertThat(cell(page, "web", 2)).hasText(Pattern.compile(".?ended"));
      assertThat(cell(other, "web", 4)).hasText(Pattern.compile(".?needBackup"));
      assertThat(other.locator("#attention")).containsText("1 VM needs attention");
      DashboardBrowser.keep(other, "needs-backup-1440-light");
      assertThat(browser.complaints()).as("what pages complained of").isEmpty();
    }
  }

  /** Presses a button that asks first, and confirms. */
  private static void confirm(Page page, String action, String vm, String picture) {
    page.locator("[data-action=%s]".formatted(action)).click();
    assertThat(page.locator("#confirm-do")).isDisabled();
    page.keyboard().type(vm);
    assertThat(page.locator("#confirm-do")).isEnabled();
    DashboardBrowser.keep(page, picture);
    page.locator("#confirm-do").click();
    assertThat(page.locator("#confirm")).isHidden();
  }

  private static void seesAndTypes(Page page) {
    assertThat(cell(page, "web", 1)).hasText("web");
    assertThat(cell(page, "web", 2)).hasText(Pattern.compile(".?running"));
    assertThat(cell(page, "web", 3)).hasText("primary");
    assertThat(cell(page, "web", 4)).hasText(Pattern.compile(".?protected"));
    assertThat(rows(page)).containsText("hello");
    // The question was asked before the page was there; a late answer would be bytes that nobody
    // typed.
    showsBytes(page, GREETING.length());
    type(page, "abc");
    assertThat(rows(page)).containsText("abc");
    showsBytes(page, GREETING.length() + "abc".length());
  }

  private static void keepsItsConsoleOverAReload(Page page) {
    String before = rows(page).innerText();
    page.reload();
    assertThat(page.locator("#vm-name")).hasText("web");
    showsBytes(page, GREETING.length() + "abc".length());
    assertThat(rows(page)).containsText("abc");
    assertThat(rows(page).innerText().strip()).isEqualTo(before.strip());
    type(page, "def");
    assertThat(rows(page)).containsText("abcdef");
    showsBytes(page, GREETING.length() + "abcdef".length());
  }

  private static void chartsMove(Page page) {
    for (String chart : new String[] {"#lag-chart", "#log-chart"}) {
      int points = points(page, chart);
      await(chart).until(() -> points(page, chart) > points + 2);
      assertThat(page.locator(chart + " canvas")).isVisible();
    }
  }

  private static int points(Page page, String chart) {
    return Integer.parseInt(page.locator(chart).getAttribute("data-points"));
  }

  private static void isKilledAfterItsNameWasTyped(Page page) {
    Locator kill = page.locator("[data-action=kill]");
    assertThat(kill).hasText("Kill primary …");
    kill.click();
    Locator done = page.locator("#confirm-do");
    assertThat(page.locator("#confirm")).isVisible();
    assertThat(done).isDisabled();
    page.keyboard().type("we");
    assertThat(done).isDisabled();
    page.keyboard().press("Enter");
    assertThat(page.locator("#confirm")).isVisible();
    page.keyboard().press("Escape");
    assertThat(page.locator("#confirm")).isHidden();
    assertThat(cell(page, "web", 2)).hasText(Pattern.compile(".?running"));
    kill.click();
    page.keyboard().type("web");
    assertThat(done).isEnabled();
    DashboardBrowser.keep(page, "confirmation-1920-light");
    page.keyboard().press("Enter");
    assertThat(cell(page, "web", 2)).hasText(Pattern.compile(".?ended"));
    assertThat(page.locator("#ending")).containsText("killed");
    assertThat(page.locator("#console-hint")).containsText("has ended");
    assertThat(page.locator("#events li").first()).containsText("killed");
    DashboardBrowser.keep(page, "killed-1920-light");
    assertThat(browser.complaints()).as("what pages complained of").isEmpty();
  }

  @Test
  void aVmIsStartedPausedResumedAndStoppedAndAnEndIsTold() throws Exception {
    try (DashboardRig rig = new DashboardRig(folder, "a")) {
      Page page = browser.page(1024, 768, ColorScheme.LIGHT);
      page.navigate(rig.url);
      assertThat(page.locator("#no-vms")).isVisible();
      rig.start("solo", echo(), DashboardRig.alone());
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?running"));
      assertThat(page.locator("[data-action=resume]")).isDisabled();
      assertThat(page.locator("[data-action=failover]")).isDisabled();
      page.locator("[data-action=pause]").click();
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?paused"));
      assertThat(rig.status("solo").getState()).isEqualTo(VmState.VM_STATE_PAUSED);
      page.locator("[data-action=resume]").click();
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?running"));
      type(page, "Q");
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?ended"));
      assertThat(page.locator("#ending")).containsText("guest exit with code 5");
      assertThat(page.locator("[data-action=stop]")).isDisabled();
      confirm(page, "start", "solo", "start-asked-1024-light");
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?running"));
      assertThat(page.locator("[data-action=start]")).isDisabled();
      assertThat(rows(page)).containsText("hello");
      DashboardBrowser.keep(page, "started-1024-light");
      // Who is paused cannot be asked to shut down, and is ended at once.
      page.locator("[data-action=pause]").click();
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?paused"));
      confirm(page, "stop", "solo", "stop-asked-1024-light");
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?ended"));
      assertThat(page.locator("#ending")).containsText("stopped");
      assertThat(page.locator("#alerts p")).hasCount(0);
      assertThat(browser.complaints()).as("what pages complained of").isEmpty();
    }
  }

  @Test
  void pagesFromElsewhereGetNothing() throws Exception {
    HttpServer hostile =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    hostile.createContext(
        "/",
        exchange -> {
          byte[] page = "<!doctype html><title>elsewhere</title>".getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "text/html");
          exchange.sendResponseHeaders(200, page.length);
          exchange.getResponseBody().write(page);
          exchange.close();
        });
    hostile.start();
    try (DashboardRig rig = new DashboardRig(folder, "a");
        DashboardBrowser own = DashboardBrowser.open()) {
      rig.start("solo", echo(), DashboardRig.alone());
      Page page = own.page(1024, 768, ColorScheme.LIGHT);
      Response rebound = page.navigate(rig.url.replace("127.0.0.1", "rebound.test"));
      assertThat(rebound.status()).as("another name of this host").isEqualTo(403);
      page.navigate(rig.url);
      assertThat(cell(page, "solo", 2)).hasText(Pattern.compile(".?running"));
      // Another port of the same host: browsers send the cookie along.
      page.navigate("http://127.0.0.1:" + hostile.getAddress().getPort());
      Object tried =
          page.evaluate(
              """
              async (origin) => {
                const kill = fetch(`${origin}/api/kill`, {
                  method: 'POST', mode: 'no-cors', credentials: 'include',
                  body: JSON.stringify({ vm: 'solo', confirm: 'solo', role: 'alone' }),
                }).then(() => 'sent', () => 'failed');
                const read = fetch(`${origin}/api/samples?vm=solo`, { credentials: 'include' })
                  .then(() => 'read', () => 'refused');
                const stream = new Promise((resolve) => {
                  const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws/console?vm=solo`);
                  socket.onopen = () => resolve('open');
                  socket.onerror = () => resolve('refused');
                });
                await kill;
                return `${await read} ${await stream}`;
              }
              """,
              rig.origin());
      assertThat(tried).isEqualTo("refused refused");
      assertThat(rig.status("solo").getState()).isEqualTo(VmState.VM_STATE_RUNNING);
    } finally {
      hostile.stop(0);
    }
  }
}

package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Certificates by the real command, and pairs that use them. */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
final class TlsCommandTest {
  private static final Pattern LISTENS =
      Pattern.compile("listens for the other replica at (\\S+:\\d+)");

  @TempDir Path folder;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  @Test
  void aPairByTlsFailsOverAndWhoeverHasNoCertificateIsTold() throws Exception {
    String pki = folder.resolve("pki").toString();
    pki("init", "--pki", pki);
    String a = pki("issue", "host-a", "127.0.0.1", "--pki", pki).strip();
    String b = pki("issue", "host-b", "127.0.0.1", "--pki", pki, "--days", "20").strip();
    assertThat(pki("list", "--pki", pki)).contains("host-a", "host-b", "(19 days)", "127.0.0.1");
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    try (Command backup = replica("backup", kernel, "--tls", b)) {
      String address = listens(backup);
      await().until(() -> backup.err().contains("in 19 days: renew it"));
      try (Command clear = replica("primary", kernel, "--peer", address)) {
        await()
            .until(() ->
                clear.err().contains("it speaks TLS and this replica does not")
                    && backup.err().contains("it does not speak TLS and this replica does"));
        assertThat(clear.out()).isEmpty();
      }
      try (Command primary = replica("primary", kernel, "--peer", address, "--tls", a)) {
        await().until(() -> primary.err().contains("primary, protected"));
        primary.type("before");
        await().until(() -> primary.out().equals("before"));
        primary.signal("KILL");
        await().until(() -> backup.err().contains("primary, not protected"));
        backup.type("afterQ");
        Command.Result end = backup.await();
        assertThat("beforeafterQ").endsWith(end.out());
        assertThat(end.status()).isEqualTo(7);
        assertThat(end.err()).doesNotContain("Exception", "\tat ");
      }
    }
  }

  @Test
  void whatIsWrongWithCertificatesIsSaid() throws Exception {
    String pki = folder.resolve("pki").toString();
    fails(69, "there is no authority", "pki", "issue", "a", "--pki", pki);
    pki("init", "--pki", pki);
    fails(69, "an authority in", "pki", "init", "--pki", pki);
    fails(64, "--days 0", "pki", "issue", "a", "--pki", pki, "--days", "0");
    String a = pki("issue", "a", "--pki", pki).strip();
    String kernel = new TinyGuest().spin().write(folder.resolve("kernel")).toString();
    String arbiter = folder.resolve("arbiter").toString();
    List<String> backup = List.of("backup", "--kernel", kernel, "--arbiter", arbiter);
    fails(69, "no-such", with(backup, "--tls", folder.resolve("no-such").toString()));
    fails(64, "--tls-key is missing", with(backup, "--tls-cert", a + "/cert.pem"));
    Files.copy(Path.of(pki, "ca-key.pem"), folder.resolve("other.pem"));
    fails(
        69,
        "is not that of the certificate",
        with(backup, "--tls", a, "--tls-key", folder.resolve("other.pem").toString()));
  }

  @Test
  void aPortInTheClearThatOthersReachIsWarnedOf() throws Exception {
    Path kernel = new TinyGuest().spin().write(folder.resolve("kernel"));
    try (Command open = replica("backup", kernel, "--listen", "0.0.0.0:0");
        Command loopback = replica("backup", kernel)) {
      listens(open);
      listens(loopback);
      await().until(() -> open.err().contains("listens on every address without TLS"));
      assertThat(loopback.err()).doesNotContain("without TLS");
    }
  }

  private String pki(String... words) throws Exception {
    Command.Result result = Command.here(with(List.of("pki"), words));
    assertThat(result.status()).as(result.err()).isZero();
    return result.out();
  }

  private void fails(int status, String says, String... words) throws Exception {
    Command.Result result = Command.here(words);
    assertThat(result.status()).as(result.err()).isEqualTo(status);
    assertThat(result.err()).contains(says).doesNotContain("\tat ", "defect");
  }

  private static String[] with(List<String> first, String... more) {
    List<String> words = new ArrayList<>(first);
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private Command replica(String role, Path kernel, String... more) throws IOException {
    return Command.start(
        folder,
        with(
            List.of(
                role,
                "--kernel",
                kernel.toString(),
                "--memory",
                "64M",
                "--arbiter",
                folder.resolve("arbiter").toString()),
            more));
  }

  private static String listens(Command replica) throws IOException {
    await().until(() -> LISTENS.matcher(replica.err()).find());
    Matcher matcher = LISTENS.matcher(replica.err());
    assertThat(matcher.find()).isTrue();
    return matcher.group(1);
  }
}

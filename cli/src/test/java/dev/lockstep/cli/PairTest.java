package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.net.CuttableLink;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
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

/** Pairs by the real command, with small guests: how they fail over, how they end, and what a user is told who gets something wrong. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class PairTest {
  private static final Pattern LISTENS =
      Pattern.compile("listens for the other replica at (\\S+:\\d+)");
  private static final int UNAVAILABLE = 69;
  private static final int USAGE = 64;

  @TempDir Path folder;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  @Test
  void aKilledPrimaryIsFollowedByItsBackup() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    try (Command backup = backup(kernel);
        Command primary = primary(kernel, "--peer", listens(backup))) {
      await().until(() -> primary.err().contains("primary, protected"));
      primary.type("before");
      await().until(() -> primary.out().equals("before"));
      primary.signal("KILL");
      await().until(() -> backup.err().contains("primary, not protected"));
      backup.type("afterQ");
      Command.Result end = backup.await();
      // What the consumer has seen may come again, with the same bytes: both outputs make one
      // stream.
      assertThat("beforeafterQ").endsWith(end.out());
      assertThat(end.out()).endsWith("afterQ");
      assertThat(end.status()).isEqualTo(7);
    }
  }

  @Test
  void bothEndWithTheirGuestAndItsStatus() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(9).write(folder.resolve("kernel"));
    try (Command backup = backup(kernel);
        Command primary = primary(kernel, "--peer", listens(backup))) {
      primary.type("xQ");
      assertThat(primary.await().status()).isEqualTo(9);
      assertThat(primary.out()).isEqualTo("xQ");
      assertThat(backup.await().status()).isEqualTo(9);
      assertThat(backup.out()).isEmpty();
    }
  }

  @Test
  void aBackupJoinsAGuestThatRunsAlone() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(0).write(folder.resolve("kernel"));
    try (Command primary = primary(kernel, "--alone")) {
      primary.type("alone");
      await().until(() -> primary.out().equals("alone"));
      try (Command backup = backup(kernel, "--peer", listens(primary))) {
        await().until(() -> primary.err().contains("primary, protected"));
        primary.signal("KILL");
        await().until(() -> backup.err().contains("primary, not protected"));
        backup.type("Q");
        assertThat(backup.await().status()).isZero();
        assertThat("aloneQ").endsWith(backup.out());
      }
    }
  }

  @Test
  void aCutNetworkLeavesOneOfThemLive() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(3).write(folder.resolve("kernel"));
    try (Command primary = primary(kernel, "--alone");
        CuttableLink link = new CuttableLink(listens(primary));
        Command backup = backup(kernel, "--peer", link.address())) {
      await().until(() -> primary.err().contains("primary, protected"));
      primary.type("before");
      await().until(() -> primary.out().equals("before"));
      link.cut();
      primary.type("cut");
      await().until(() -> aloneInEpochThree(primary) || aloneInEpochThree(backup));
      boolean wentOn = aloneInEpochThree(primary);
      Command survivor = wentOn ? primary : backup;
      Command other = wentOn ? backup : primary;
      if (!wentOn) {
        assertThat(primary.await().status()).isEqualTo(ExitStatus.HANDED_OVER);
      }
      survivor.type("afterQ");
      assertThat(survivor.await().status()).isEqualTo(3);
      // What was typed during the cut may be lost with the primary; nothing that came out is
      // contradicted.
      String whole = wentOn || survivor.out().contains("cut") ? "beforecutafterQ" : "beforeafterQ";
      assertThat(whole).startsWith(primary.out()).endsWith(backup.out());
      assertThat(aloneInEpochThree(other)).isFalse();
    }
  }

  @Test
  void signalsEndAReplica() throws Exception {
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("kernel"));
    try (Command backup = backup(kernel);
        Command primary = primary(kernel, "--peer", listens(backup))) {
      await().until(() -> primary.out().equals("on"));
      backup.signal("TERM");
      assertThat(backup.await().status()).isEqualTo(143);
      await().until(() -> primary.err().contains("primary, not protected"));
      primary.signal("INT");
      assertThat(primary.await().status()).isEqualTo(130);
    }
  }

  @Test
  void garbageAtItsPortDoesNotDisturbAPair() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(0).write(folder.resolve("kernel"));
    try (Command backup = backup(kernel);
        Command primary = primary(kernel, "--peer", listens(backup))) {
      await().until(() -> primary.err().contains("primary, protected"));
      for (Command replica : List.of(primary, backup)) {
        String address = listens(replica);
        int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
        for (int i = 0; i < 20; i++) {
          try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket
                .getOutputStream()
                .write("GET / HTTP/1.1\r\n\r\n".repeat(20).getBytes(StandardCharsets.US_ASCII));
          }
        }
      }
      primary.type("stillQ");
      assertThat(primary.await().status()).isZero();
      assertThat(primary.out()).isEqualTo("stillQ");
      assertThat(backup.await().status()).isZero();
      assertThat(primary.err() + backup.err()).doesNotContain("Exception").doesNotContain("\tat ");
    }
  }

  @Test
  void aPeerWithAnotherConfigurationIsRefusedAndTheBackupWaitsOn() throws Exception {
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("kernel"));
    try (Command backup = backup(kernel, "--memory", "128M")) {
      Command.Result refused = primary(kernel, "--peer", listens(backup)).await();
      failed(refused, UNAVAILABLE, "the configurations differ in memory_mib", "'128'");
      Path other = new TinyGuest().print("off").spin().write(folder.resolve("other"));
      failed(
          primary(other, "--memory", "128M", "--peer", listens(backup)).await(),
          UNAVAILABLE,
          "the configurations differ in kernel_file_sha256");
      failed(
          primary(kernel, "--memory", "128M", "--name", "another", "--peer", listens(backup))
              .await(),
          UNAVAILABLE,
          "VM 'another'");
      assertThat(backup.running()).isTrue();
      try (Command right = primary(kernel, "--memory", "128M", "--peer", listens(backup))) {
        await().until(() -> right.err().contains("primary, protected"));
      }
    }
  }

  @Test
  void anArbiterThatIsNotSharedIsFoundOut() throws Exception {
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("kernel"));
    try (Command backup = backup(kernel)) {
      List<String> words = words("primary", kernel, "--peer", listens(backup));
      words.set(words.indexOf("--arbiter") + 1, folder.resolve("elsewhere").toString());
      try (Command primary = Command.start(folder, words)) {
        failed(primary.await(), UNAVAILABLE, "does not find in its arbiter");
      }
      try (Command right = primary(kernel, "--peer", listens(backup))) {
        await().until(() -> right.err().contains("primary, protected"));
      }
    }
  }

  @Test
  void aPortInUseIsNamed() throws Exception {
    Path kernel = new TinyGuest().spin().write(folder.resolve("kernel"));
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String address = "127.0.0.1:" + taken.getLocalPort();
      for (String option : List.of("--listen", "--console")) {
        failed(
            start("backup", kernel, option, address).await(),
            UNAVAILABLE,
            String.valueOf(taken.getLocalPort()));
      }
    }
  }

  @Test
  void addressesAndArbitersAreChecked() throws Exception {
    Path kernel = new TinyGuest().spin().write(folder.resolve("kernel"));
    failed(start("backup", kernel, "--peer", "nonsense").await(), USAGE, "--peer 'nonsense'");
    failed(start("backup", kernel, "--listen", "127.0.0.1:99999").await(), USAGE, "--listen");
    failed(
        Command.run(folder, "primary", "--alone", "--kernel", kernel.toString()),
        USAGE,
        "no arbiter is given");
    Path file = Files.writeString(folder.resolve("file"), "no folder");
    failed(
        Command.run(
            folder,
            "primary",
            "--alone",
            "--kernel",
            kernel.toString(),
            "--arbiter",
            file.toString()),
        UNAVAILABLE,
        file.toString());
  }

  @Test
  void aDiskThatAnotherMachineUsesIsRefused() throws Exception {
    Path kernel = new TinyGuest().print("on").spin().write(folder.resolve("kernel"));
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    try (Command first = primary(kernel, "--alone", "--disk", disk.toString())) {
      await().until(() -> first.out().equals("on"));
      failed(
          primary(kernel, "--alone", "--disk", disk.toString()).await(),
          UNAVAILABLE,
          disk.toString());
      assertThat(first.running()).isTrue();
    }
  }

  /** After the cut: the epoch before was the pair's, the one before that the lonely primary's. */
  private static boolean aloneInEpochThree(Command replica) throws IOException {
    return replica
        .err()
        .lines()
        .anyMatch(line -> line.matches(".*primary, not protected.*epoch [3-9].*"));
  }

  private static void failed(Command.Result result, int status, String... says) {
    assertThat(result.status()).as(result.err()).isEqualTo(status);
    assertThat(result.err()).contains(says).doesNotContain("\tat ").doesNotContain("defect");
  }

  private Command primary(Path kernel, String... more) throws IOException {
    return start("primary", kernel, more);
  }

  private Command backup(Path kernel, String... more) throws IOException {
    return start("backup", kernel, more);
  }

  private Command start(String role, Path kernel, String... more) throws IOException {
    return Command.start(folder, words(role, kernel, more));
  }

  private List<String> words(String role, Path kernel, String... more) {
    List<String> words = new ArrayList<>(List.of(role, "--kernel", kernel.toString()));
    words.addAll(List.of("--arbiter", folder.resolve("arbiter").toString()));
    if (!List.of(more).contains("--memory")) {
      words.addAll(List.of("--memory", "64M"));
    }
    words.addAll(List.of(more));
    return new ArrayList<>(Command.words(words.toArray(String[]::new)));
  }

  private static String listens(Command replica) {
    await().until(() -> LISTENS.matcher(replica.err()).find());
    try {
      Matcher matcher = LISTENS.matcher(replica.err());
      assertThat(matcher.find()).isTrue();
      return matcher.group(1);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}

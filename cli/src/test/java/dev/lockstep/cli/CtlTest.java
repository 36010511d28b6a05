package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The real commands against each other: a daemon, commands with a control port, and {@code ctl}. */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
final class CtlTest {
  @TempDir Path folder;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  private Path socket(String name) {
    return folder.resolve(name + ".sock");
  }

  private Command.Result ctl(String... arguments) {
    return ctl(List.of(socket("a")), arguments);
  }

  private Command.Result ctl(List<Path> sockets, String... arguments) {
    List<String> words = new ArrayList<>(List.of("ctl"));
    for (Path socket : sockets) {
      words.addAll(List.of("--socket", socket.toString()));
    }
    words.addAll(List.of(arguments));
    return Command.here(words.toArray(String[]::new));
  }

  private Command daemon(String name, String... more) throws Exception {
    String[] all = new String[more.length + 5];
    System.arraycopy(
        new String[] {
          "daemon",
          "--socket",
          socket(name).toString(),
          "--folder",
          folder.resolve("vms-" + name).toString()
        },
        0,
        all,
        0,
        5);
    System.arraycopy(more, 0, all, 5, more.length);
    Command daemon = Command.start(folder, all);
    await().until(() -> daemon.err().contains("the control port is socket"));
    return daemon;
  }

  private Path config(String vm, TinyGuest guest) throws IOException {
    guest.write(folder.resolve(vm + "-kernel"));
    return Files.writeString(
        folder.resolve(vm + ".json"), ControlRig.config(vm, Path.of(vm + "-kernel")));
  }

  private static JsonNode json(String line) {
    return new JsonMapper().readTree(line);
  }

  @Test
  void aDaemonsVmIsSteeredFromCreationToDeletion() throws Exception {
    Path config = config("web", new TinyGuest().print("hello\n").echoUntil('Q').exit(5));
    try (Command daemon = daemon("a", "--metrics", "127.0.0.1:0")) {
      Command.Result created = ctl("create", config.toString(), "--start");
      assertThat(created.err()).isEmpty();
      assertThat(created.out()).isEqualTo("web: running, alone, notProtected\n");
      try (Command console =
          Command.start(folder, "ctl", "console", "web", "--socket", socket("a").toString())) {
        await().until(() -> console.out().equals("hello\n"));
        console.type("ab");
        await().until(() -> console.out().equals("hello\nab"));
        Command.Result pause = ctl("pause", "web", "--json");
        assertThat(pause.err()).isEmpty();
        JsonNode paused = json(pause.out());
        assertThat(paused.get("state").stringValue()).isEqualTo("paused");
        assertThat(paused.get("endpoint").stringValue()).isEqualTo(socket("a").toString());
        assertThat(paused.get("machine").get("exits").get("port_write").longValue()).isPositive();
        assertThat(ctl("resume", "web").out()).isEqualTo("web: running, alone, notProtected\n");
        assertThat(ctl("list").out())
            .startsWith("VM   STATE    ROLE   PROTECTION    REASON  EPOCH  LAG  ENDPOINT\n")
            .contains("web  running  alone  notProtected");
        assertThat(ctl("status", "web").out()).contains("instructions", "0 to 8");
        assertThat(metrics(daemon)).contains("lockstep_guest_output_bytes_total{vm=\"web\"} 8.0");
        assertThat(ctl("metrics", "web").out()).contains("lockstep_vm_live{vm=\"web\"} 1.0");
        console.type("Q");
        Command.Result end = console.await();
        assertThat(end.out()).isEqualTo("hello\nabQ");
        assertThat(end.status()).isZero();
      }
      assertThat(ctl("list", "--json").out()).contains("\"exit_code\":5");
      assertThat(ctl(List.of(socket("gone")), "events").status()).isEqualTo(ExitStatus.UNAVAILABLE);
      assertThat(ctl("delete", "web").out()).isEqualTo("web: deleted\n");
      try (Command watching =
          Command.start(
              folder, "ctl", "events", "--after", "0", "--socket", socket("a").toString())) {
        await().until(() -> watching.out().contains("web: deleted"));
        assertThat(watching.out()).contains("web: created", "web: paused, alone");
        daemon.signal("TERM");
        assertThat(daemon.await().status()).isZero();
        assertThat(watching.await().status()).isZero();
      }
      assertThat(socket("a")).doesNotExist();
    }
  }

  private static String metrics(Command daemon) throws Exception {
    Matcher at = Pattern.compile("metrics are at (\\S+)").matcher(daemon.err());
    assertThat(at.find()).isTrue();
    HttpURLConnection connection =
        (HttpURLConnection) URI.create(at.group(1)).toURL().openConnection();
    try (var in = connection.getInputStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void failuresHaveTheirExitStatusAndAdvice() throws Exception {
    Path config = config("web", new TinyGuest().print("on").spin());
    Command.Result nobody = ctl("list");
    assertThat(nobody.status()).isEqualTo(ExitStatus.UNAVAILABLE);
    assertThat(nobody.err())
        .startsWith("lockstep: nobody serves a control port at " + socket("a"))
        .contains("  Start 'lockstep daemon'")
        .doesNotContain("\tat ");
    try (Command _ = daemon("a")) {
      Command.Result unknown = ctl("status", "none");
      assertThat(unknown.status()).isEqualTo(ExitStatus.NO_SUCH_VM);
      assertThat(unknown.err()).startsWith("lockstep: there is no VM 'none' here\n  ");
      assertThat(ctl("create", config.toString()).status()).isZero();
      Command.Result wrong = ctl("pause", "web");
      assertThat(wrong.status()).isEqualTo(ExitStatus.WRONG_STATE);
      assertThat(wrong.err())
          .isEqualTo("lockstep: VM 'web' does not run (it is created)\n  Start it first.\n");
      Path bad = Files.writeString(folder.resolve("bad.json"), "{\n  \"drives\": 3\n}");
      Command.Result refused = ctl("create", bad.toString());
      assertThat(refused.status()).isEqualTo(ExitStatus.USAGE);
      assertThat(refused.err()).contains("config:2:");
      ctl("start", "web");
      Command.Result late = ctl("stop", "web", "--grace=5", "--timeout=1");
      assertThat(late.status()).isEqualTo(ExitStatus.BUSY);
      assertThat(late.err()).contains("gave no answer in time");
      try (Command second = Command.start(folder, "daemon", "--socket", socket("a").toString())) {
        Command.Result twice = second.await();
        assertThat(twice.status()).isEqualTo(ExitStatus.UNAVAILABLE);
        assertThat(twice.err()).contains("is in use by process");
      }
    }
    Command.Result open =
        Command.here(
            "daemon",
            "--control=" + socket("b"),
            "--folder=" + folder.resolve("vms-b"),
            "--metrics=0.0.0.0:0");
    assertThat(open.status()).isEqualTo(ExitStatus.UNAVAILABLE);
    assertThat(open.err()).contains("metrics are served on loopback only");
    assertThat(socket("b")).doesNotExist();
    assertThat(Command.here("daemon", "--control=x", "--socket=y").status())
        .isEqualTo(ExitStatus.USAGE);
    assertThat(Command.here("ctl").status()).isEqualTo(ExitStatus.USAGE);
    assertThat(Command.here("ctl", "list", "--address", "localhost:1").err())
        .contains("--tls-cert, --tls-key or --tls-ca is missing");
    assertThat(Command.here("ctl", "start", "--help").out()).contains("--unprotected");
  }

  @Test
  void aPairIsTunedSnapshotAndBroughtBackAsAPair() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    String arbiter = Files.createDirectory(folder.resolve("arbiter")).toString();
    List<Path> both = List.of(socket("a"), socket("b"));
    String atA = folder.resolve("at-primary").toString();
    String atB = folder.resolve("at-backup").toString();
    try (ControlRig a = new ControlRig(folder, "a");
        ControlRig b = new ControlRig(folder, "b")) {
      a.create("web", kernel);
      b.create("web", kernel);
      String[] backup = {"start", "web", "--backup", "--arbiter", arbiter};
      assertThat(ctl(List.of(socket("b")), backup).status()).isZero();
      Command.Result started =
          ctl(
              "start",
              "web",
              "--primary",
              "--unprotected",
              "--arbiter",
              arbiter,
              "--commit=received",
              "--max-pause=77",
              "--max-lag=50000",
              "--heartbeat=20",
              "--silence=9000",
              "--ack-timeout=8000");
      assertThat(started.err()).isEmpty();
      assertThat(ctl("status", "web").out())
          .contains(
              "commit received, pause 77 ms, lag 50000 ms, heartbeat 20 ms, silence 9000 ms, acknowledgement 8000 ms");
      assertThat(ctl(both, "snapshot", "web", atB, "--at-backup").status())
          .as("a backup that has not joined")
          .isEqualTo(ExitStatus.WRONG_STATE);
      String listens = b.status("web").getReplication().getListenAddress();
      assertThat(ctl("protect", "web", listens, "--max-pause=100").err()).isEmpty();
      assertThat(ctl("status", "web").out()).contains("pause 100 ms");
      ControlRig.OpenConsole console = a.console("web", 0);
      console.type("ab");
      await().until(() -> console.text().equals("ab"));
      assertThat(ctl(both, "snapshot", "web", atA).out())
          .containsPattern("web: snapshot in '.*at-primary' .*at entry .*; the guest stood still");
      assertThat(ctl(both, "snapshot", "web", atB, "--at-backup").out())
          .contains("; the backup stood still");
      Command.Result running = ctl(both, "restore", "web", atA);
      assertThat(running.status()).isEqualTo(ExitStatus.WRONG_STATE);
      assertThat(running.err()).contains("of a pair, the backup first");
      assertThat(ctl(List.of(socket("b")), "stop", "web").out()).contains("left");
      assertThat(ctl("stop", "web", "--grace=0").out()).contains("stopped");
      assertThat(
              ctl("restore", "web", atA, "--primary", "--unprotected", "--arbiter", arbiter).out())
          .containsPattern("^web: (starting|running), primary, needBackup");
      assertThat(ctl(List.of(socket("b")), "delete", "web").status()).isZero();
      assertThat(ctl(List.of(socket("b")), "create", "--from", atB).out())
          .isEqualTo("web: running, alone, notProtected\n");
      assertThat(Command.here("ctl", "create").status()).isEqualTo(ExitStatus.USAGE);
      assertThat(ctl("create", "x.json", "--from", atB).status()).isEqualTo(ExitStatus.USAGE);
      Command.Result halfSaid = ctl("create", "x.json", "--primary");
      assertThat(halfSaid.err()).contains("is said, but not --start");
      Command.Result etcd =
          ctl(List.of(socket("b")), "start", "web", "--primary", "--arbiter=etcd://127.0.0.1:1");
      assertThat(etcd.err()).contains("is running");
    }
  }

  @Test
  void aCommandsOneVmIsSteeredToo() throws Exception {
    Path kernel =
        new TinyGuest().print("hello\n").echoUntil('Q').exit(3).write(folder.resolve("kernel"));
    try (Command run =
        Command.start(
            folder,
            "run",
            "--kernel",
            kernel.toString(),
            "--memory=64M",
            "--name=one",
            "--control",
            socket("a").toString())) {
      await().until(() -> run.out().equals("hello\n"));
      Command.Result created = ctl("create", config("web", new TinyGuest().spin()).toString());
      assertThat(created.status()).isEqualTo(ExitStatus.WRONG_STATE);
      assertThat(created.err()).contains("runs one VM", "lockstep daemon");
      assertThat(ctl("start", "one").err()).contains("belongs to the command that runs it");
      Path snapshot = folder.resolve("snapshot");
      assertThat(ctl("snapshot", "one", snapshot.toString()).status()).isZero();
      try (Command console =
          Command.start(folder, "ctl", "console", "one", "--socket", socket("a").toString())) {
        await().until(() -> console.out().equals("hello\n"));
        console.type("xQ");
        assertThat(run.await().status()).isEqualTo(3);
        assertThat(console.await().out()).isEqualTo("hello\nxQ");
      }
      assertThat(run.out()).isEqualTo("hello\nxQ");
      assertThat(snapshot.resolve("state.snapshot")).exists();
    }
  }

  @Test
  @Tag("long")
  void aPairsConsoleIsFollowedOverTheDeathOfItsPrimary() throws Exception {
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    Path arbiter = Files.createDirectory(folder.resolve("arbiter"));
    List<Path> both = List.of(socket("a"), socket("b"));
    String[] machine = {
      "--kernel", kernel.toString(), "--memory=64M", "--arbiter", arbiter.toString(), "--control"
    };
    try (Command backup = replica("backup", machine, socket("b").toString())) {
      await().until(() -> ctl(List.of(socket("b")), "list").out().contains("backup"));
      String listens =
          json(ctl(List.of(socket("b")), "status", "lockstep", "--json").out())
              .get("replication")
              .get("listen_address")
              .stringValue();
      try (Command primary =
              replica("primary", machine, socket("a").toString(), "--peer", listens);
          Command console =
              Command.start(
                  folder,
                  "ctl",
                  "console",
                  "lockstep",
                  "--socket",
                  socket("a").toString(),
                  "--socket",
                  socket("b").toString())) {
        await().until(() -> primary.err().contains("primary, protected"));
        console.type("before ");
        awaitOut(console, "before ");
        // On a busy host the backup may lag.
        assertThat(ctl(both, "list").out())
            .containsPattern("running +primary +(protected|degraded)")
            .containsPattern("running +backup +protected");
        primary.signal("KILL");
        await().until(() -> backup.err().contains("primary, not protected"));
        Command.Result list = ctl(both, "list");
        assertThat(list.status()).isZero();
        assertThat(list.out()).containsPattern("primary +needBackup +primaryLost");
        assertThat(list.err()).contains("nobody serves a control port at " + socket("a"));
        assertThat(console.running()).as(console.err()).isTrue();
        console.type("after Q");
        Command.Result end = console.await();
        assertThat(end.out()).isEqualTo("before after Q");
        assertThat(end.status()).isZero();
        assertThat(backup.await().status()).isEqualTo(7);
      }
    }
  }

  private static void awaitOut(Command console, String text) throws Exception {
    await().until(() -> console.out().equals(text) || !console.running());
    assertThat(console.out()).as("its errors: " + console.err()).isEqualTo(text);
  }

  private Command replica(String role, String[] machine, String... more) throws Exception {
    String[] all = new String[1 + machine.length + more.length];
    all[0] = role;
    System.arraycopy(machine, 0, all, 1, machine.length);
    System.arraycopy(more, 0, all, 1 + machine.length, more.length);
    return Command.start(folder, all);
  }
}

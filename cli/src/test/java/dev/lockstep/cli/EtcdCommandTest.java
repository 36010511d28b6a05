package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lockstep.ft.etcd.EtcdAddress;
import dev.lockstep.ft.etcd.EtcdCluster;
import dev.lockstep.ft.etcd.EtcdException;
import dev.lockstep.ft.etcd.EtcdProcess;
import dev.lockstep.ft.hosts.HostRegistry;
import dev.lockstep.ft.net.CuttableLink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The real command with a real etcd: pairs that it decides for, and the table of hosts. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class EtcdCommandTest {
  private static final Pattern LISTENS =
      Pattern.compile("listens for the other replica at (\\S+:\\d+)");

  @TempDir Path folder;
  private @Nullable EtcdProcess started;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(60, TimeUnit.SECONDS);
  }

  @AfterEach
  void stopEtcd() {
    EtcdProcess one = started;
    if (one != null) {
      one.close();
    }
  }

  @Test
  void etcdDecidesAFailoverAndTheTableOfHostsFollows() throws Exception {
    started = EtcdProcess.start(folder);
    Path kernel = new TinyGuest().echoUntil('Q').exit(7).write(folder.resolve("kernel"));
    try (Command spare = replica("backup", kernel, "c", "--name", "another");
        Command backup = replica("backup", kernel, "b");
        Command primary = replica("primary", kernel, "a", "--peer", listens(backup))) {
      await().until(() -> primary.err().contains("primary, protected"));
      primary.type("before");
      await().until(() -> primary.out().equals("before"));
      await()
          .until(() -> listed().containsAll(Set.of("a primary protected", "b backup following")));
      assertThat(ctl("hosts"))
          .startsWith("HOST")
          .contains("vm (backup, following)", "another (backup, connecting)")
          .contains(listens(primary), listens(backup));
      assertThat(ctl("place", "vm")).isEqualTo("c\n");
      Command.Result none = place("vm", "--memory-mib", "900000000");
      assertThat(none.status()).isEqualTo(ExitStatus.UNAVAILABLE);
      assertThat(none.err())
          .contains("a runs its primary", "b has a backup of it already", "c has ")
          .contains("MiB that are needed");
      primary.signal("KILL");
      await().until(() -> backup.err().contains("primary, not protected"));
      await()
          .until(() -> listed().equals(Set.of("b primary not_protected", "c backup connecting")));
      JsonNode hosts = new JsonMapper().readTree(ctl("hosts", "--json"));
      assertThat(hosts.get(0).get("host").asString()).isEqualTo("b");
      assertThat(hosts.get(0).get("free_memory_bytes").asLong()).isPositive();
      backup.type("afterQ");
      Command.Result end = backup.await();
      assertThat("beforeafterQ").endsWith(end.out());
      assertThat(end.status()).isEqualTo(7);
      assertThat(spare.running()).isTrue();
    }
  }

  @Test
  @Tag("long")
  void aPartitionStopsTheLoser() throws Exception {
    started = EtcdProcess.start(folder);
    Path kernel = new TinyGuest().echoUntil('Q').exit(3).write(folder.resolve("kernel"));
    try (Command primary = replica("primary", kernel, "a", "--alone");
        CuttableLink link = new CuttableLink(listens(primary));
        Command backup = replica("backup", kernel, "b", "--peer", link.address())) {
      await().until(() -> primary.err().contains("primary, protected"));
      primary.type("before");
      await().until(() -> primary.out().equals("before"));
      link.cut();
      primary.type("cut");
      await().until(() -> wentOn(primary) || wentOn(backup));
      boolean primaryWon = wentOn(primary);
      Command survivor = primaryWon ? primary : backup;
      Command other = primaryWon ? backup : primary;
      if (primaryWon) {
        await().until(() -> other.err().contains("backup, lost"));
      } else {
        assertThat(primary.await().status()).isEqualTo(ExitStatus.HANDED_OVER);
      }
      survivor.type("afterQ");
      assertThat(survivor.await().status()).isEqualTo(3);
      assertThat(wentOn(other)).as("two primaries").isFalse();
      String whole =
          primaryWon || survivor.out().contains("cut") ? "beforecutafterQ" : "beforeafterQ";
      assertThat(whole).startsWith(primary.out()).endsWith(backup.out());
    }
  }

  @Test
  void anEtcdThatIsNotThereOrNotOneIsNamed() throws Exception {
    Path kernel = new TinyGuest().spin().write(folder.resolve("kernel"));
    // Each waits for a while before it believes that nobody is there.
    try (Command primary =
            Command.start(
                folder,
                "primary",
                "--alone",
                "--kernel",
                kernel.toString(),
                "--arbiter",
                "etcd://127.0.0.1:1");
        Command asking =
            Command.start(folder, "ctl", "hosts", "--registry", "etcd://127.0.0.1:1")) {
      Command.Result wrong =
          Command.here(
              "backup", "--kernel", kernel.toString(), "--arbiter", "etcd://127.0.0.1:99999");
      assertThat(wrong.status()).as(wrong.err()).isEqualTo(ExitStatus.USAGE);
      assertThat(wrong.err()).contains("--arbiter", "no port 99999", "Write etcd://HOST:PORT");
      Command.Result away = primary.await();
      assertThat(away.status()).as(away.err()).isEqualTo(ExitStatus.UNAVAILABLE);
      assertThat(away.err())
          .contains("the arbiter (etcd://127.0.0.1:1/lockstep) cannot be reached")
          .doesNotContain("\tat ", "WARN");
      Command.Result hosts = asking.await();
      assertThat(hosts.status()).isEqualTo(ExitStatus.UNAVAILABLE);
      assertThat(hosts.err()).contains("the table of hosts cannot be read").doesNotContain("WARN");
      assertThat(hosts.out()).isEmpty();
    }
  }

  private static boolean wentOn(Command replica) throws IOException {
    return replica
        .err()
        .lines()
        .anyMatch(line -> line.matches(".*primary, not protected.*epoch [3-9].*"));
  }

  private String ctl(String... words) throws Exception {
    Command.Result result = ctlResult(words);
    assertThat(result.status()).as(result.err()).isZero();
    return result.out();
  }

  private Command.Result place(String... words) throws Exception {
    List<String> all = new ArrayList<>(List.of("place"));
    all.addAll(List.of(words));
    return ctlResult(all.toArray(String[]::new));
  }

  private Command.Result ctlResult(String... words) throws Exception {
    List<String> all = new ArrayList<>(List.of("ctl"));
    all.addAll(List.of(words));
    all.addAll(List.of("--registry", etcd()));
    return Command.here(all.toArray(String[]::new));
  }

  /** The table without a process for it: host, role and phase. */
  private Set<String> listed() throws EtcdException {
    return new HostRegistry(new EtcdCluster(EtcdAddress.parse(etcd())))
        .list().hosts().stream()
            .flatMap(host ->
                host.vms().stream()
                    .map(vm -> "%s %s %s".formatted(host.name(), vm.role(), vm.phase())))
            .collect(Collectors.toSet());
  }

  private String etcd() {
    return Objects.requireNonNull(started).address() + "/test";
  }

  private Command replica(String role, Path kernel, String host, String... more)
      throws IOException {
    List<String> words =
        new ArrayList<>(List.of(role, "--kernel", kernel.toString(), "--memory", "64M"));
    words.addAll(List.of("--arbiter", etcd(), "--register", etcd(), "--host-name", host));
    if (!List.of(more).contains("--name")) {
      words.addAll(List.of("--name", "vm"));
    }
    words.addAll(List.of(more));
    return Command.start(folder, words.toArray(String[]::new));
  }

  private static String listens(Command replica) throws IOException {
    await().until(() -> LISTENS.matcher(replica.err()).find());
    Matcher matcher = LISTENS.matcher(replica.err());
    assertThat(matcher.find()).isTrue();
    return matcher.group(1);
  }
}

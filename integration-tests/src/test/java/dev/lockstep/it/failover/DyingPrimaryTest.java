package dev.lockstep.it.failover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.it.network.GuestImage;
import dev.lockstep.it.network.Lab;
import dev.lockstep.it.network.LabProcess;
import dev.lockstep.vmm.disk.DiskMarker;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Linux on real processes: the primary is killed while a checkpoint is on its way to its backup, one that heals a divergence or one that the backup joins by. */
class DyingPrimaryTest {
  private static final int CAMPAIGN_KILLS = 50;
  private static final int SAMPLE_KILLS = 2;
  private static final int SOME_LINES = 20;
  private static final int LETTERS = 12;
  private static final long PATIENCE_MILLIS = 240_000;

  /** Most of these moments lie within a resynchronisation, or a join, some behind. */
  private static final int MAX_DELAY_MILLIS = 1_200;

  @TempDir Path folder = Path.of("unset");
  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
  private final Random random = new Random(seed);
  private final List<LabProcess> processes = new ArrayList<>();
  private final MarkedGuest guest = new MarkedGuest();

  @AfterEach
  void end() {
    guest.close();
    processes.forEach(LabProcess::close);
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void theCheckpointThatHealsIsOnItsWay() throws Exception {
    killWhileHealing(SAMPLE_KILLS);
  }

  @Test
  @Tag("long")
  void theCheckpointThatHealsIsOnItsWayFiftyTimes() throws Exception {
    killWhileHealing(Integer.getInteger("campaign.runs", CAMPAIGN_KILLS));
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void theCheckpointOfAJoinIsOnItsWay() throws Exception {
    killWhileJoining(1);
  }

  @Test
  @Tag("long")
  void theCheckpointOfAJoinIsOnItsWayFiftyTimes() throws Exception {
    killWhileJoining(Integer.getInteger("campaign.runs", CAMPAIGN_KILLS));
  }

  /** A bit flips in the backup, again and again with another pair, and the primary dies: one guest lives through all of it. */
  private void killWhileHealing(int kills) throws Exception {
    System.out.printf("failover: %d kills while a divergence is healed, seed %d%n", kills, seed);
    Path image = GuestImage.folder();
    String word = word();
    LabProcess backup = start("backup", "r0", image, word, List.of());
    LabProcess primary = start("primary", "r1", image, word, List.of("--peer", address(backup)));
    primary.awaitPhase("primary", "protected", 0, PATIENCE_MILLIS);
    Map<String, Integer> fates = new TreeMap<>();
    Set<String> wordsToBe = new HashSet<>(Set.of(word));
    for (int kill = 0; kill < kills; kill++) {
      guest.awaitLines(SOME_LINES, PATIENCE_MILLIS);
      String before = guest.words().getLast();
      int letter = MarkedGuest.PREFIX.length() + random.nextInt(LETTERS);
      int said = primary.said();
      assertThat(ProcessMemory.flip(backup.pid(), before, letter)).as("places").isPositive();
      JsonNode healing = noticed(primary, backup, said, before, letter);
      TimeUnit.MILLISECONDS.sleep(random.nextInt(MAX_DELAY_MILLIS));
      boolean healed =
          primary.latest("resynchronisations") > healing.path("resynchronisations").asLong();
      int saidByBackup = backup.said();
      primary.signal("KILL");
      backup.awaitPhase("primary", "not_protected", saidByBackup, PATIENCE_MILLIS);
      String told = lostBy(backup, saidByBackup);
      guest.awaitLines(SOME_LINES, PATIENCE_MILLIS);
      if (told.equals("primaryLostDiverged")) {
        wordsToBe.add(flipped(before, letter));
      }
      fates.merge(told + (healed ? " after it was healed" : ""), 1, Integer::sum);
      assertThat(wordsToBe)
          .as("seed %d, kill %d, %s: words of the guest", seed, kill, told)
          .containsAll(guest.words());
      assertThat(guest.wrong()).as("seed %d, kill %d, %s: lines", seed, kill, told).isEmpty();
      if (kill + 1 < kills) {
        said = backup.said();
        LabProcess fresh =
            start("backup", "r" + (kill + 2), image, word, List.of("--peer", address(backup)));
        backup.awaitPhase("primary", "protected", said, PATIENCE_MILLIS);
        primary = backup;
        backup = fresh;
      }
    }
    System.out.printf(
        "failover: %d kills while a divergence is healed, 0 wrong of %d lines; %s%n",
        kills, guest.lines(), fates);
  }

  /** The primary says that a divergence is healed. */
  private JsonNode noticed(
      LabProcess primary, LabProcess backup, int said, String before, int letter) throws Exception {
    try {
      return primary.awaitPhase("primary", "resynchronising", said, PATIENCE_MILLIS);
    } catch (AssertionError e) {
      String after = flipped(before, letter);
      throw new AssertionError(
          "seed %d: the word %s, flipped to %s, is not missed; words so far %s; the primary has the one at %s, the other at %s; the backup has the one at %s, the other at %s"
              .formatted(
                  seed,
                  before,
                  after,
                  guest.words(),
                  ProcessMemory.whereabouts(primary.pid(), before),
                  ProcessMemory.whereabouts(primary.pid(), after),
                  ProcessMemory.whereabouts(backup.pid(), before),
                  ProcessMemory.whereabouts(backup.pid(), after)),
          e);
    }
  }

  /** Why a replica that goes on alone has lost its primary. */
  private static String lostBy(LabProcess survivor, int from) throws InterruptedException {
    return survivor
        .await(
            "why it goes on",
            from,
            event ->
                event.path("role").asString("").equals("primary")
                    && event.path("reason_word").asString("").startsWith("primaryLost"),
            PATIENCE_MILLIS)
        .path("reason_word")
        .asString();
  }

  /** A backup that is not in sync never goes live: the VM starts again where its disk is, and the backup that waits joins anew. */
  private void killWhileJoining(int kills) throws Exception {
    System.out.printf("failover: %d kills while a backup joins, seed %d%n", kills, seed);
    Path image = GuestImage.folder();
    String word = word();
    // Of its own, so that no other process has taken the port when the VM is started again.
    long pid = ProcessHandle.current().pid();
    String address = "127.%d.%d.77:7070".formatted(1 + (pid >> 8) % 250, pid & 0xff);
    int inSync = 0;
    LabProcess primary =
        start("primary", "r0", image, word, List.of("--alone", "--listen", address));
    Path disk = disk("r0");
    primary.awaitPhase("primary", "not_protected", 0, PATIENCE_MILLIS);
    for (int kill = 0; kill < kills; kill++) {
      guest.awaitLines(SOME_LINES, PATIENCE_MILLIS);
      int said = primary.said();
      String name = "r" + (kill + 1);
      LabProcess backup = start("backup", name, image, word, List.of("--peer", address));
      primary.awaitPhase("primary", "transferring", said, PATIENCE_MILLIS);
      TimeUnit.MILLISECONDS.sleep(random.nextInt(MAX_DELAY_MILLIS));
      int saidByBackup = backup.said();
      primary.signal("KILL");
      primary.awaitEnd(PATIENCE_MILLIS);
      backup.await(
          "where it stands",
          saidByBackup,
          event ->
              event.path("role").asString("").equals("primary")
                  || event.path("phase").asString("").equals("lost")
                  || event.path("phase").asString("").equals("connecting"),
          PATIENCE_MILLIS);
      assertThat(guest.wrong()).as("seed %d, kill %d: lines", seed, kill).isEmpty();
      if (backup.hasSaid(saidByBackup, "primary", "not_protected")) {
        // It was in sync by then.
        inSync++;
        guest.awaitLines(SOME_LINES, PATIENCE_MILLIS);
        assertThat(guest.wrong()).as("seed %d, kill %d: lines", seed, kill).isEmpty();
        backup.close();
        disk = disk(name);
      } else {
        assertThat(DiskMarker.read(disk))
            .as("the marker of the primary's disk")
            .hasValueSatisfying(
                marker -> assertThat(marker.state()).isEqualTo(DiskMarker.State.LIVE));
        assertThat(DiskMarker.read(disk(name)).filter(it -> it.state() != DiskMarker.State.STALE))
            .as("the marker of the disk that is neither the one nor the other")
            .isEmpty();
      }
      // Another run of the VM, from its disk: its console begins anew.
      guest.powerOn();
      primary = run("primary", "again" + kill, disk, word, List.of("--alone", "--listen", address));
      if (backup.alive()) {
        primary.awaitPhase("primary", "protected", 0, PATIENCE_MILLIS);
        said = primary.said();
        backup.signal("KILL");
        primary.awaitPhase("primary", "not_protected", said, PATIENCE_MILLIS);
      } else {
        primary.awaitPhase("primary", "not_protected", 0, PATIENCE_MILLIS);
      }
    }
    System.out.printf(
        "failover: %d kills while a backup joins, %d of them in sync by then, 0 wrong%n",
        kills, inSync);
  }

  private String word() {
    StringBuilder word = new StringBuilder(MarkedGuest.PREFIX);
    for (int i = 0; i < LETTERS; i++) {
      word.append((char) ('B' + 2 * random.nextInt(12)));
    }
    return word.toString();
  }

  private static String flipped(String word, int letter) {
    char[] letters = word.toCharArray();
    letters[letter] ^= 1;
    return new String(letters);
  }

  private Path disk(String name) {
    return folder.resolve(name + ".img");
  }

  private LabProcess start(String role, String name, Path image, String word, List<String> own)
      throws Exception {
    Files.copy(image.resolve("disk.ext4"), disk(name), StandardCopyOption.REPLACE_EXISTING);
    return run(role, name, disk(name), word, own);
  }

  private LabProcess run(String role, String name, Path disk, String word, List<String> own)
      throws Exception {
    List<String> command = new ArrayList<>(Lab.java("dev.lockstep.cli.Lockstep"));
    command.addAll(
        List.of(
            role,
            "--json",
            "--arbiter",
            Files.createDirectories(folder.resolve("arbiter")).toString(),
            "--console",
            "127.0.0.1:0",
            "--replica",
            name,
            "--disk",
            disk.toString(),
            "--memory",
            "128M",
            "--seed",
            Long.toString(seed),
            "--append",
            "quiet lockstep.run=\"%s\"".formatted(MarkedGuest.command(word))));
    command.addAll(own);
    LabProcess process = LabProcess.start(name, command, folder.resolve(name + ".log"));
    processes.add(process);
    guest.at(
        process
            .await("its console", 0, event -> event.has("console"), PATIENCE_MILLIS)
            .path("console")
            .asInt());
    return process;
  }

  private static String address(LabProcess replica) throws InterruptedException {
    return "127.0.0.1:"
        + replica
            .await("its port", 0, event -> event.has("listening"), PATIENCE_MILLIS)
            .path("listening")
            .asInt();
  }
}

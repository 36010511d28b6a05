package dev.lockstep.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Recordings and snapshots with damage of any kind in any of their files, given to the real command: it ends, with one of
 * its exit codes and a message, and never with a stack trace.
 */
final class DamagedFilesTest {
  private static final int SAMPLE = 8;
  private static final int CAMPAIGN = 300;
  private static final String TYPED = "abcQ";
  private static final int GUEST_CODE = 9;

  private static final Set<Integer> REPLAY_STATUS =
      Set.of(
          ExitStatus.OK,
          ExitStatus.USAGE,
          ExitStatus.DATA,
          ExitStatus.UNAVAILABLE,
          ExitStatus.DIVERGED);

  private final long seed = Long.getLong("damage.seed", new Random().nextLong());
  @TempDir Path folder;

  @Test
  void aDamagedRecordingIsReplayedAsFarAsItIsGood() throws Exception {
    recordings(SAMPLE);
  }

  @Test
  @Tag("long")
  void threeHundredDamagedRecordings() throws Exception {
    recordings(CAMPAIGN);
  }

  @Test
  void aDamagedSnapshotIsRefused() throws Exception {
    snapshots(SAMPLE);
  }

  @Test
  @Tag("long")
  void threeHundredDamagedSnapshots() throws Exception {
    snapshots(CAMPAIGN);
  }

  private void recordings(int rounds) throws Exception {
    Path log = folder.resolve("log");
    Command.Result recorded =
        Command.runTyping(
            folder, TYPED, "record", "--log", log.toString(), "--kernel", kernel(), "--memory=64M");
    assertThat(recorded.status()).isEqualTo(GUEST_CODE);
    assertThat(Command.run(folder, "replay", "--log", log.toString()).status()).isZero();
    int told = 0;
    for (int round = 0; round < rounds; round++) {
      Random random = new Random(seed + round);
      Path copy = copy(log, folder.resolve("log" + round));
      String damage = damage(copy, random);
      Command.Result result = Command.run(folder, "replay", "--log", copy.toString());
      check(result, REPLAY_STATUS, "seed %d, round %d: %s".formatted(seed, round, damage));
      told += result.status() == ExitStatus.OK ? 0 : 1;
    }
    System.out.printf("campaign: %d damaged recordings, seed %d: %d told%n", rounds, seed, told);
    assertThat(told).as("seed %d", seed).isGreaterThan(rounds / 2);
  }

  private void snapshots(int rounds) throws Exception {
    Path snapshot = folder.resolve("snapshot");
    Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
    try (Command command =
        Command.start(
            folder,
            "run",
            "--kernel",
            kernel(),
            "--memory=64M",
            "--disk",
            disk.toString(),
            "--snapshot-to",
            snapshot.toString(),
            "--snapshot-when",
            "ready")) {
      await().until(() -> command.err().contains("lockstep: snapshot in '" + snapshot));
      command.type(TYPED);
      assertThat(command.await().status()).isEqualTo(GUEST_CODE);
    }
    // Where the damage meets nothing that counts (a zero that becomes zero), the guest goes on to
    // its own end.
    Set<Integer> allowed =
        Set.of(GUEST_CODE, ExitStatus.USAGE, ExitStatus.DATA, ExitStatus.UNAVAILABLE);
    assertThat(goOn(copy(snapshot, folder.resolve("whole"))).status()).isEqualTo(GUEST_CODE);
    int refused = 0;
    for (int round = 0; round < rounds; round++) {
      Random random = new Random(seed + round);
      Path copy = copy(snapshot, folder.resolve("snapshot" + round));
      String damage = damage(copy, random);
      Command.Result result = goOn(copy);
      check(result, allowed, "seed %d, round %d: %s".formatted(seed, round, damage));
      refused += result.status() == GUEST_CODE ? 0 : 1;
    }
    System.out.printf(
        "campaign: %d damaged snapshots, seed %d: %d refused%n", rounds, seed, refused);
    assertThat(refused).as("seed %d", seed).isPositive();
  }

  private Command.Result goOn(Path snapshot) throws Exception {
    return Command.runTyping(folder, TYPED, "run", "--from", snapshot.toString());
  }

  private String kernel() throws IOException {
    return new TinyGuest()
        .print("ready\n")
        .echoUntil('Q')
        .exit(GUEST_CODE)
        .write(folder.resolve("kernel"))
        .toString();
  }

  private static void check(Command.Result result, Set<Integer> allowed, String what) {
    assertThat(result.status()).as("%s: %s", what, result.err()).isIn(allowed);
    assertThat(result.err()).as(what).doesNotContain("\tat ").doesNotContain("defect");
    assertThat(result.err().isEmpty() || result.err().startsWith("lockstep: "))
        .as("%s: %s", what, result.err())
        .isTrue();
  }

  /** Damages one of the files; says what was done. */
  private static String damage(Path copy, Random random) throws IOException {
    List<Path> files = files(copy);
    Path file = files.get(random.nextInt(files.size()));
    byte[] bytes = Files.readAllBytes(file);
    int at = random.nextInt(bytes.length);
    String what =
        switch (random.nextInt(6)) {
          case 0 -> {
            Files.write(file, Arrays.copyOf(bytes, at));
            yield "cut off at " + at;
          }
          case 1 -> {
            bytes[at] ^= (byte) (1 << random.nextInt(8));
            Files.write(file, bytes);
            yield "a bit flipped at " + at;
          }
          case 2 -> {
            int end = Math.min(bytes.length, at + 1 + random.nextInt(4096));
            Arrays.fill(bytes, at, end, (byte) 0);
            Files.write(file, bytes);
            yield "zero from %d to %d".formatted(at, end);
          }
          case 3 -> {
            byte[] noise = new byte[1 + random.nextInt(4096)];
            random.nextBytes(noise);
            Files.write(file, noise);
            yield noise.length + " random bytes";
          }
          case 4 -> {
            byte[] longer = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(1000));
            Files.write(file, longer);
            yield "%d zeros behind it".formatted(longer.length - bytes.length);
          }
          default -> {
            Files.delete(file);
            yield "deleted";
          }
        };
    return "%s of %s %s".formatted(file.getFileName(), files, what);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .filter(it -> it.toFile().length() > 0)
          .sorted()
          .toList();
    }
  }

  private static Path copy(Path from, Path to) throws IOException {
    Files.createDirectory(to);
    for (Path file : files(from)) {
      Files.copy(file, to.resolve(file.getFileName()));
    }
    return to;
  }
}

package dev.lockstep.benchmarks.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What a backup costs a guest that is busy: a set of programs in a machine by itself, and in a pair, in turn. Every process is bound to a processor: the primary to that of the machine by itself, the
 * backup to another.
 */
public final class ProtectionCost {
  private static final int MEMORY_MEBIBYTES = 512;
  private static final int MINUTES = 30;
  private static final String PRIMARY_PROCESSOR = "0";
  private static final String BACKUP_PROCESSOR = "1";
  private static final long POLL_MILLIS = 50;

  private final Path home;
  private final Path image;
  private final Path scratch;
  private final String program;
  private final List<MeasuredRun> alone = new ArrayList<>();
  private final List<MeasuredRun> pair = new ArrayList<>();
  private final Series backups = new Series();

  private ProtectionCost(Path home, Path image, Path scratch, int divisor) {
    this.home = home;
    this.image = image;
    this.scratch = scratch;
    program = Payload.BUSYBOX.command(divisor);
  }

  /** Arguments: Lockstep's folder, the guest image's, rounds, what amounts of work are divided by. */
  public static void main(String[] args) {
    Ending.after("bench-protected", () -> compare(args));
  }

  private static int compare(String[] args) throws IOException, InterruptedException {
    Path scratch = Files.createTempDirectory("protection");
    try {
      ProtectionCost cost =
          new ProtectionCost(
              Path.of(args[0]), Path.of(args[1]), scratch, Integer.parseInt(args[3]));
      int rounds = Integer.parseInt(args[2]);
      for (int round = 1; round <= rounds; round++) {
        cost.round();
        System.err.printf("bench-protected: round %d of %d%n", round, rounds);
      }
      cost.print();
      return 0;
    } finally {
      delete(scratch);
    }
  }

  private void round() throws IOException, InterruptedException {
    Path folder = Files.createDirectory(scratch.resolve("round"));
    alone.add(run(folder, "alone", words(PRIMARY_PROCESSOR, "run", disk(folder, "alone"))));
    String port = Integer.toString(freePort());
    String peer = "127.0.0.1:" + port;
    Path arbiter = Files.createDirectory(folder.resolve("arbiter"));
    List<String> backup = words(BACKUP_PROCESSOR, "backup", disk(folder, "b"));
    backup.addAll(List.of("--arbiter", arbiter.toString(), "--replica", "b", "--listen", peer));
    Path said = folder.resolve("b.err");
    Process other =
        new ProcessBuilder(backup)
            .redirectError(said.toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      List<String> primary = words(PRIMARY_PROCESSOR, "primary", disk(folder, "a"));
      primary.addAll(List.of("--arbiter", arbiter.toString(), "--replica", "a", "--peer", peer));
      pair.add(run(folder, "a", primary));
      backups.add(cpuUntilItEnds(other));
    } finally {
      other.destroyForcibly().waitFor();
    }
    delete(folder);
  }

  private MeasuredRun run(Path folder, String name, List<String> words)
      throws IOException, InterruptedException {
    Path err = folder.resolve(name + ".err");
    try {
      return MeasuredRun.of(words, Payload.BUSYBOX.programs(), true, err, MINUTES);
    } catch (IOException e) {
      System.err.println(Files.readString(err));
      throw e;
    }
  }

  /** The last that /proc says of a process that is about to end, in seconds. */
  private static double cpuUntilItEnds(Process process) throws InterruptedException {
    double seconds = 0;
    do {
      try {
        seconds = ProcessTimes.of(process.pid(), false).seconds();
      } catch (IOException e) {
        break; // It has ended in between.
      }
    } while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS));
    return seconds;
  }

  private List<String> words(String processor, String role, Path disk) {
    List<String> words = new ArrayList<>(List.of("taskset", "--cpu-list", processor));
    words.addAll(
        List.of(
            home.resolve("lockstep").toString(),
            role,
            "--engine",
            "soft",
            "--seed",
            "1",
            "--memory",
            MEMORY_MEBIBYTES + "M",
            "--disk",
            disk.toString(),
            "--append",
            "quiet lockstep.run=\"%s\"".formatted(program)));
    return words;
  }

  private Path disk(Path folder, String name) throws IOException {
    return Files.copy(Payload.BUSYBOX.disk(image), folder.resolve(name + ".img"));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private void print() {
    System.out.printf(
        "%n%-10s | %22s | %17s | %22s | %17s%n",
        "median of " + alone.size(),
        "wall s: alone, pair",
        "pair/alone, 95 %",
        "CPU s: alone, primary",
        "ratio, 95 %");
    for (String name : Payload.BUSYBOX.programs()) {
      row(name, run -> run.wall(name), run -> run.cpu(name));
    }
    row("programs", run -> sum(run, MeasuredRun::wall), run -> sum(run, MeasuredRun::cpu));
    System.out.printf(
        "the backup took %.2f CPU s from its start to its end, the primary %.2f to the last mark%n",
        backups.median(), series(pair, MeasuredRun::cpuSeconds).median());
  }

  private void row(
      String name, Function<MeasuredRun, Double> wall, Function<MeasuredRun, Double> cpu) {
    Series wallAlone = series(alone, wall);
    Series wallPair = series(pair, wall);
    Series cpuAlone = series(alone, cpu);
    Series cpuPair = series(pair, cpu);
    System.out.printf(
        "%-10s | %10.2f %11.2f | %5.2f %11s | %10.2f %11.2f | %5.2f %11s%n",
        name,
        wallAlone.median(),
        wallPair.median(),
        wallPair.ratioTo(wallAlone).median(),
        wallPair.ratioTo(wallAlone).interval(),
        cpuAlone.median(),
        cpuPair.median(),
        cpuPair.ratioTo(cpuAlone).median(),
        cpuPair.ratioTo(cpuAlone).interval());
  }

  private interface Measure {
    double of(MeasuredRun run, String program);
  }

  private static double sum(MeasuredRun run, Measure measure) {
    return Payload.BUSYBOX.programs().stream().mapToDouble(it -> measure.of(run, it)).sum();
  }

  private static Series series(List<MeasuredRun> runs, Function<MeasuredRun, Double> value) {
    Series series = new Series();
    runs.forEach(run -> series.add(value.apply(run)));
    return series;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted(Comparator.reverseOrder())
          .forEach(path -> {
            try {
              Files.delete(path);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    }
  }
}

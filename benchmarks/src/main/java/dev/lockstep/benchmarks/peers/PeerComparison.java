package dev.lockstep.benchmarks.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/** Boot and a set of programs by Lockstep on soft, QEMU, and QEMU with -icount, in turn. */
public final class PeerComparison {
  private static final int MEMORY_MEBIBYTES = 512;
  private static final int MINUTES = 30;
  private static final int FIRST_PAYLOAD = 4;

  private final Path home;
  private final Path image;
  private final Payload payload;
  private final int rounds;
  private final int divisor;
  private final Map<Peer, List<MeasuredRun>> runs = new EnumMap<>(Peer.class);
  private int different;

  private PeerComparison(Path home, Path image, Payload payload, int rounds, int divisor) {
    this.home = home;
    this.image = image;
    this.payload = payload;
    this.rounds = rounds;
    this.divisor = divisor;
  }

  /** Arguments: Lockstep's folder, the guest image's, rounds, what amounts of work are divided by, payloads. */
  public static void main(String[] args) {
    Ending.after("bench-peers", () -> compare(args));
  }

  private static int compare(String[] args) throws IOException, InterruptedException {
    int different = 0;
    for (String label : List.of(args).subList(FIRST_PAYLOAD, args.length)) {
      PeerComparison comparison =
          new PeerComparison(
              Path.of(args[0]),
              Path.of(args[1]),
              Payload.of(label),
              Integer.parseInt(args[2]),
              Integer.parseInt(args[3]));
      comparison.run();
      comparison.print();
      different += comparison.different;
    }
    return different == 0 ? 0 : 70;
  }

  private void run() throws IOException, InterruptedException {
    Path scratch = Files.createTempDirectory("peers");
    Path disk = scratch.resolve("disk");
    Path err = scratch.resolve("err");
    try {
      for (int round = 0; round < rounds; round++) {
        List<Peer> order = new ArrayList<>(List.of(Peer.values()));
        Collections.rotate(order, round);
        for (Peer peer : order) {
          Files.copy(payload.disk(image), disk);
          MeasuredRun run =
              MeasuredRun.of(
                  peer.words(home, image, disk, MEMORY_MEBIBYTES, payload.command(divisor)),
                  payload.programs(),
                  peer.isJava(),
                  err,
                  MINUTES);
          Files.delete(disk);
          runs.computeIfAbsent(peer, it -> new ArrayList<>()).add(run);
          System.err.printf(
              "bench-peers: %s, round %d of %d, %s: boot %.2f CPU s, all %.2f, peak %.0f MiB; load %s%n",
              payload.label(),
              round + 1,
              rounds,
              peer.label(),
              run.cpu(MeasuredRun.BOOT),
              run.cpuSeconds(),
              run.peakMebibytes(),
              Files.readString(Path.of("/proc/loadavg")).split(" ")[0]);
        }
      }
    } catch (IOException e) {
      System.err.println(Files.exists(err) ? Files.readString(err) : "");
      throw e;
    } finally {
      // A disk has its lock and marker beside it.
      try (Stream<Path> left = Files.list(scratch)) {
        for (Path file : left.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(scratch);
    }
  }

  private Series series(Peer peer, Function<MeasuredRun, Double> value) {
    Series series = new Series();
    runs.getOrDefault(peer, List.of()).forEach(run -> series.add(value.apply(run)));
    return series;
  }

  private static double set(MeasuredRun run, Function<MeasuredRun.Spent, Double> of) {
    return run.spent().entrySet().stream()
        .filter(it -> !it.getKey().equals(MeasuredRun.BOOT))
        .mapToDouble(it -> of.apply(it.getValue()))
        .sum();
  }

  private void print() {
    System.out.printf(
        "%n%s%n%-12s | %28s | %20s | %20s | %31s%n",
        payload.label(),
        "median of " + rounds,
        "CPU s: Lockstep, QEMU, icount",
        "to QEMU, 95 %",
        "to icount, 95 %",
        "wall s: Lockstep, QEMU, icount");
    row(MeasuredRun.BOOT, run -> run.cpu(MeasuredRun.BOOT), run -> run.wall(MeasuredRun.BOOT));
    for (String program : payload.programs()) {
      row(program, run -> run.cpu(program), run -> run.wall(program));
    }
    row(
        "programs",
        run -> set(run, it -> it.cpu().seconds()),
        run -> set(run, MeasuredRun.Spent::wall));
    System.out.printf(
        "peak MiB     | %8.0f %9.0f %9.0f%n",
        series(Peer.LOCKSTEP, MeasuredRun::peakMebibytes).median(),
        series(Peer.QEMU, MeasuredRun::peakMebibytes).median(),
        series(Peer.QEMU_ICOUNT, MeasuredRun::peakMebibytes).median());
    instructions();
    split();
    compareResults();
  }

  private void row(
      String name, Function<MeasuredRun, Double> cpu, Function<MeasuredRun, Double> wall) {
    Series ours = series(Peer.LOCKSTEP, cpu);
    Series plain = series(Peer.QEMU, cpu);
    Series icount = series(Peer.QEMU_ICOUNT, cpu);
    Series toPlain = ours.ratioTo(plain);
    Series toIcount = ours.ratioTo(icount);
    System.out.printf(
        "%-12s | %8.2f %9.2f %9.2f | %6.2f %13s | %6.2f %13s | %11.2f %9.2f %9.2f%n",
        name,
        ours.median(),
        plain.median(),
        icount.median(),
        toPlain.median(),
        toPlain.interval(),
        toIcount.median(),
        toIcount.interval(),
        series(Peer.LOCKSTEP, wall).median(),
        series(Peer.QEMU, wall).median(),
        series(Peer.QEMU_ICOUNT, wall).median());
  }

  /** QEMU does not say how many it executed: it is taken to need as many for the same work. */
  private void instructions() {
    double ours = series(Peer.LOCKSTEP, run -> (double) run.instructions()).median();
    System.out.printf(
        "M instr/s    | %8.0f %9.0f %9.0f   million instructions per CPU s, boot and programs; Lockstep counted %.0f million, QEMU is taken to execute as many%n",
        ours / 1e6 / series(Peer.LOCKSTEP, MeasuredRun::cpuSeconds).median(),
        ours / 1e6 / series(Peer.QEMU, MeasuredRun::cpuSeconds).median(),
        ours / 1e6 / series(Peer.QEMU_ICOUNT, MeasuredRun::cpuSeconds).median(),
        ours / 1e6);
  }

  /** What Lockstep's threads did meanwhile. */
  private void split() {
    for (ProcessTimes.Work work : ProcessTimes.Work.values()) {
      Series boot =
          series(
              Peer.LOCKSTEP,
              run -> {
                MeasuredRun.Spent spent = run.spent().get(MeasuredRun.BOOT);
                return spent == null ? Double.NaN : part(spent, work);
              });
      Series programs = series(Peer.LOCKSTEP, run -> set(run, it -> part(it, work)));
      System.out.printf(
          "Lockstep's CPU s in %-20s boot %6.2f, programs %7.2f%n",
          work.label() + ":", boot.median(), programs.median());
    }
  }

  private static double part(MeasuredRun.Spent spent, ProcessTimes.Work work) {
    return spent.cpu().byWork().getOrDefault(work, 0.0);
  }

  private void compareResults() {
    Map<String, String> expected = runs.getOrDefault(Peer.LOCKSTEP, List.of()).getFirst().results();
    runs.forEach((peer, all) ->
        all.forEach(run -> {
          if (!run.results().equals(expected)) {
            different++;
            System.out.printf("%s printed %s, not %s%n", peer.label(), run.results(), expected);
          }
        }));
    System.out.println(
        different == 0
            ? "every program printed the same on all of them"
            : "DIFFERENT: what programs printed, see above");
  }
}

package dev.lockstep.benchmarks.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One guest from the command to its end.
 *
 * @param spent what each of the guest's programs cost, {@link #BOOT} for everything before the first
 * @param results what each program printed, for comparison
 * @param cpuSeconds the whole process's from its start to the last mark
 * @param peakMebibytes the most memory that the process had at once (VmHWM)
 * @param instructions that the guest executed, 0 if the peer does not count them
 */
record MeasuredRun(
    Map<String, Spent> spent,
    Map<String, String> results,
    double cpuSeconds,
    double peakMebibytes,
    long instructions) {
  /** From the command's start to the guest's shell. */
  static final String BOOT = "boot";

  private static final String READY = "lockstep guest ready";
  private static final Pattern MARK = Pattern.compile("bench (begin|end) (\\S+)(?: (\\S+))?\r?");
  private static final String FAILED = "bench failed ";
  private static final Pattern INSTRUCTIONS = Pattern.compile("\"instructions\":(\\d+)");
  private static final Pattern PEAK = Pattern.compile("(?m)^VmHWM:\\s+(\\d+) kB");
  private static final int TAIL_LINES = 20;

  MeasuredRun {
    spent = Collections.unmodifiableMap(new LinkedHashMap<>(spent));
    results = Collections.unmodifiableMap(new LinkedHashMap<>(results));
  }

  /** CPU and wall seconds. */
  record Spent(ProcessTimes cpu, double wall) {}

  /** CPU seconds of a program, or of the boot; NaN if it did not run. */
  double cpu(String program) {
    Spent one = spent.get(program);
    return one == null ? Double.NaN : one.cpu().seconds();
  }

  /** Wall seconds of a program, or of the boot; NaN if it did not run. */
  double wall(String program) {
    Spent one = spent.get(program);
    return one == null ? Double.NaN : one.wall();
  }

  /**
   * Runs a command.
   *
   * @param programs whose marks the guest must print
   * @param err the command's standard error, where Lockstep's report is
   * @param minutes after which it is given up
   * @throws IOException if the guest does not come to its end, with the last of what it said
   */
  static MeasuredRun of(
      List<String> words, List<String> programs, boolean java, Path err, int minutes)
      throws IOException, InterruptedException {
    long began = System.nanoTime();
    Process process = new ProcessBuilder(words).redirectError(err.toFile()).start();
    process.getOutputStream().close();
    Thread watchdog =
        Thread.ofVirtual()
            .start(() -> {
              try {
                if (!process.waitFor(minutes, TimeUnit.MINUTES)) {
                  process.destroyForcibly();
                }
              } catch (InterruptedException e) {
                // The run is over.
              }
            });
    MeasuredRun run;
    try (BufferedReader console =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.ISO_8859_1))) {
      run = read(console, programs, process.pid(), java, began);
    } finally {
      watchdog.interrupt();
      if (!process.waitFor(1, TimeUnit.MINUTES)) {
        process.destroyForcibly().waitFor();
      }
    }
    return run.withInstructions(instructions(Files.readString(err)));
  }

  /** What Lockstep's report says of them, the last thing on its standard error. */
  static long instructions(String err) {
    Matcher count = INSTRUCTIONS.matcher(err);
    long instructions = 0;
    while (count.find()) {
      instructions = Long.parseLong(count.group(1));
    }
    return instructions;
  }

  private MeasuredRun withInstructions(long count) {
    return new MeasuredRun(spent, results, cpuSeconds, peakMebibytes, count);
  }

  /**
   * Reads a console to its end, and looks at the process at each mark.
   *
   * @param began when the command was started, by {@link System#nanoTime}
   * @throws IOException if a mark is missing or the guest says that a program failed, with what it said
   */
  static MeasuredRun read(
      BufferedReader console, List<String> programs, long pid, boolean java, long began)
      throws IOException {
    Map<String, Spent> spent = new LinkedHashMap<>();
    Map<String, String> results = new LinkedHashMap<>();
    Deque<String> tail = new ArrayDeque<>();
    String failed = "";
    ProcessTimes cpu = ProcessTimes.NONE;
    long wall = began;
    double peak = 0;
    for (String line = console.readLine(); line != null; line = console.readLine()) {
      Matcher mark = MARK.matcher(line);
      boolean ready = line.startsWith(READY);
      if (ready || mark.matches()) {
        ProcessTimes cpuNow = ProcessTimes.of(pid, java);
        long wallNow = System.nanoTime();
        Spent since = new Spent(cpuNow.minus(cpu), (wallNow - wall) / 1e9);
        if (ready) {
          spent.put(BOOT, since);
        } else if (mark.group(1).equals("end")) {
          spent.put(mark.group(2), since);
          results.put(mark.group(2), String.valueOf(mark.group(3)));
        }
        peak = peakMebibytes(pid);
        cpu = cpuNow;
        wall = wallNow;
      } else {
        if (line.startsWith(FAILED)) {
          failed = line.substring(FAILED.length()).strip();
        }
        // The serial line adds carriage returns, which make empty lines.
        if (!line.isBlank()) {
          tail.addLast(line);
        }
        if (tail.size() > TAIL_LINES) {
          tail.removeFirst();
        }
      }
    }
    String said = String.join("\n", tail);
    if (spent.isEmpty()) {
      throw new IOException("the guest did not come to its shell:\n" + said);
    }
    // Peers that all fail alike would agree.
    if (!failed.isEmpty()) {
      throw new IOException("a program failed in the guest: %s\n%s".formatted(failed, said));
    }
    if (!List.copyOf(results.keySet()).equals(programs)) {
      throw new IOException(
          "the guest came to the end of %s, not of %s\n%s"
              .formatted(results.keySet(), programs, said));
    }
    return new MeasuredRun(spent, results, cpu.seconds(), peak, 0);
  }

  private static double peakMebibytes(long pid) throws IOException {
    Matcher peak = PEAK.matcher(Files.readString(Path.of("/proc/%d/status".formatted(pid))));
    return peak.find() ? Long.parseLong(peak.group(1)) / 1024.0 : 0;
  }
}

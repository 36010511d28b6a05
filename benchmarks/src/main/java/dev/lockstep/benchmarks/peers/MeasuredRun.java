package dev.lockstep.benchmarks.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
 * @param peakMebibytes the most memory that the process had at once (VmHWM)
 */
record MeasuredRun(Map<String, Spent> spent, Map<String, String> results, double peakMebibytes) {
  /** From the command's start to the guest's shell. */
  static final String BOOT = "boot";

  private static final String READY = "lockstep guest ready";
  private static final Pattern MARK = Pattern.compile("bench (begin|end) (\\S+)(?: (\\S+))?\r?");
  private static final Pattern PEAK = Pattern.compile("(?m)^VmHWM:\\s+(\\d+) kB");
  private static final int TAIL_LINES = 20;

  /** CPU and wall seconds. */
  record Spent(ProcessTimes cpu, double wall) {}

  /**
   * Runs a command.
   *
   * @param minutes after which it is given up
   * @throws IOException if the guest does not come to its end, with the last of what it said
   */
  static MeasuredRun of(List<String> words, boolean java, Path err, int minutes)
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
    try (BufferedReader console =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.ISO_8859_1))) {
      return read(console, process.pid(), java, began);
    } finally {
      watchdog.interrupt();
      if (!process.waitFor(1, TimeUnit.MINUTES)) {
        process.destroyForcibly().waitFor();
      }
    }
  }

  private static MeasuredRun read(BufferedReader console, long pid, boolean java, long began)
      throws IOException {
    Map<String, Spent> spent = new LinkedHashMap<>();
    Map<String, String> results = new LinkedHashMap<>();
    StringBuilder tail = new StringBuilder();
    ProcessTimes cpu = ProcessTimes.NONE;
    long wall = began;
    double peak = 0;
    int lines = 0;
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
      } else if (lines++ < TAIL_LINES) {
        tail.append(line).append('\n');
      }
    }
    if (spent.isEmpty()) {
      throw new IOException("the guest did not come to its shell:\n" + tail);
    }
    return new MeasuredRun(spent, results, peak);
  }

  private static double peakMebibytes(long pid) throws IOException {
    Matcher peak = PEAK.matcher(Files.readString(Path.of("/proc/%d/status".formatted(pid))));
    return peak.find() ? Long.parseLong(peak.group(1)) / 1024.0 : 0;
  }
}

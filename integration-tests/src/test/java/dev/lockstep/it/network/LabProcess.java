package dev.lockstep.it.network;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A process at a place of the lab that says what it does in lines of JSON. */
public final class LabProcess implements AutoCloseable {
  private static final JsonMapper MAPPER = new JsonMapper();

  private final String name;
  private final Path log;
  private final Process process;
  private final List<JsonNode> events = new ArrayList<>();

  private LabProcess(String name, Path log, Process process) {
    this.name = name;
    this.log = log;
    this.process = process;
    Thread.ofVirtual().name(name + "-reader").start(this::read);
  }

  /**
   * @param log gets its standard error, and between that what it says
   */
  public static LabProcess start(String name, List<String> command, Path log) throws IOException {
    return new LabProcess(
        name,
        log,
        new ProcessBuilder(command)
            .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start());
  }

  private void read() {
    try (BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        Writer kept =
            Files.newBufferedWriter(log, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        kept.write(line + "\n");
        kept.flush();
        if (line.startsWith("{")) {
          add(MAPPER.readTree(line));
        }
      }
    } catch (IOException | JacksonException e) {
      // It was killed, perhaps in the middle of a line: what it said before counts.
    }
    synchronized (events) {
      events.notifyAll();
    }
  }

  private void add(JsonNode event) {
    synchronized (events) {
      events.add(event);
      events.notifyAll();
    }
  }

  /** How many lines it has said. */
  public int said() {
    synchronized (events) {
      return events.size();
    }
  }

  /**
   * Waits for a line of that kind.
   *
   * @param from the first line that counts, from 0
   */
  public JsonNode await(String what, int from, Predicate<JsonNode> wanted, long timeoutMillis)
      throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    synchronized (events) {
      int next = from;
      while (true) {
        for (; next < events.size(); next++) {
          if (wanted.test(events.get(next))) {
            return events.get(next);
          }
        }
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0 || !process.isAlive()) {
          throw new AssertionError(
              "%s %s before %s; see %s; last: %s"
                  .formatted(
                      name,
                      process.isAlive() ? "takes too long" : "ended",
                      what,
                      log,
                      events.isEmpty() ? "nothing" : events.getLast()));
        }
        events.wait(Math.min(left, 200));
      }
    }
  }

  /** Waits until it says that it is in a role and a phase. */
  public JsonNode awaitPhase(String role, String phase, int from, long timeoutMillis)
      throws InterruptedException {
    return await(
        role + " " + phase,
        from,
        event ->
            event.path("role").asString("").equals(role)
                && event.path("phase").asString("").equals(phase),
        timeoutMillis);
  }

  /** The last value of a number that it has said. */
  public long latest(String field) {
    return last(field).path(field).asLong();
  }

  /** The last line that it has said with a field; without any field if there is none. */
  JsonNode last(String field) {
    synchronized (events) {
      for (JsonNode event : events.reversed()) {
        if (event.has(field)) {
          return event;
        }
      }
      return MAPPER.createObjectNode();
    }
  }

  /** The values of a number that it has said from a line on. */
  List<Double> values(String field, int from) {
    synchronized (events) {
      return events.subList(from, events.size()).stream()
          .filter(event -> event.has(field))
          .map(event -> event.path(field).asDouble())
          .toList();
    }
  }

  /** Whether it has said, from a line on, that it is in a role and a phase. */
  public boolean hasSaid(int from, String role, String phase) {
    synchronized (events) {
      return events.subList(from, events.size()).stream()
          .anyMatch(event ->
              event.path("role").asString("").equals(role)
                  && event.path("phase").asString("").equals(phase));
    }
  }

  /** Fails if it has said, from a line on, that it is in any other role or phase. */
  void requireOnly(int from, String role, String phase) {
    synchronized (events) {
      for (JsonNode event : events.subList(from, events.size())) {
        if (event.has("phase")
            && !(event.path("role").asString("").equals(role)
                && event.path("phase").asString("").equals(phase))) {
          throw new AssertionError("%s says: %s".formatted(name, event));
        }
      }
    }
  }

  /** Waits until it says that it is a backup that has lost its primary and is none any more. */
  void awaitLoss(int from, long timeoutMillis) throws InterruptedException {
    await(
        "its loss",
        from,
        event ->
            event.path("role").asString("").equals("backup")
                && (event.path("phase").asString("").equals("lost")
                    || event.path("phase").asString("").equals("connecting")),
        timeoutMillis);
  }

  /** Types a line into its standard input. */
  void tell(String line) throws IOException {
    OutputStream in = process.getOutputStream();
    in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    in.flush();
  }

  /** Sends a signal by its name. */
  public void signal(String signal) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
  }

  public boolean alive() {
    return process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  /** Waits for its end; its exit status, or -1 if it does not end in time. */
  public int awaitEnd(long timeoutMillis) throws InterruptedException {
    return process.waitFor(timeoutMillis, TimeUnit.MILLISECONDS) ? process.exitValue() : -1;
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }
}

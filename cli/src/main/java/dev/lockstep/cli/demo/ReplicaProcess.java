package dev.lockstep.cli.demo;

import dev.lockstep.cli.start.JvmOptions;
import dev.lockstep.cli.start.StartCache;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A replica as a process of its own, started as a user would, and what it says of itself: one JSON object a line on its standard output. */
final class ReplicaProcess implements AutoCloseable {
  private static final long STOP_SECONDS = 10;

  private final String name;
  private final Path log;
  private final Process process;
  private final Thread reader;
  private final List<JsonNode> events = new ArrayList<>();

  private ReplicaProcess(String name, Path log, Process process) {
    this.name = name;
    this.log = log;
    this.process = process;
    this.reader = Thread.ofVirtual().name(name + "-status").start(this::read);
  }

  /**
   * Starts {@code lockstep ROLE ARGUMENTS} with this process's own JVM and class path.
   *
   * @param log where its standard error goes
   */
  static ReplicaProcess start(String role, String name, List<String> arguments, Path log)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(StartCache.jvmOptions());
    command.addAll(JvmOptions.ofReplicas());
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "dev.lockstep.cli.Lockstep", role));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectInput(Path.of("/dev/null").toFile());
    builder.redirectError(log.toFile());
    return new ReplicaProcess(name, log, builder.start());
  }

  private void read() {
    JsonMapper mapper = new JsonMapper();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("{")) {
          JsonNode event = mapper.readTree(line);
          synchronized (events) {
            events.add(event);
            events.notifyAll();
          }
        }
      }
    } catch (IOException e) {
      // It was killed: what it said before counts.
    }
    synchronized (events) {
      events.notifyAll();
    }
  }

  /** Its name. */
  String name() {
    return name;
  }

  /**
   * Waits until it has said something of itself.
   *
   * @param what in words, for a failure
   * @return the first such status
   * @throws DemoException if the process ends before, or it takes too long
   */
  JsonNode await(String what, Predicate<JsonNode> wanted, long timeoutMillis)
      throws InterruptedException {
    return find(what, events -> first(events, wanted), timeoutMillis);
  }

  /** Waits until the newest status of its role is such a one; that status. */
  JsonNode awaitNow(String what, Predicate<JsonNode> wanted, long timeoutMillis)
      throws InterruptedException {
    return find(
        what,
        events -> {
          JsonNode newest = newest(events, "phase");
          return newest != null && wanted.test(newest) ? newest : null;
        },
        timeoutMillis);
  }

  private JsonNode find(
      String what, Function<List<JsonNode>, @Nullable JsonNode> search, long timeoutMillis)
      throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    synchronized (events) {
      while (true) {
        JsonNode found = search.apply(events);
        if (found != null) {
          return found;
        }
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0 || !reader.isAlive()) {
          throw new DemoException(
              "%s %s before %s; see %s"
                  .formatted(name, reader.isAlive() ? "takes too long" : "ended", what, log));
        }
        events.wait(Math.min(left, 200));
      }
    }
  }

  private static @Nullable JsonNode first(List<JsonNode> events, Predicate<JsonNode> wanted) {
    for (JsonNode event : events) {
      if (wanted.test(event)) {
        return event;
      }
    }
    return null;
  }

  private static @Nullable JsonNode newest(List<JsonNode> events, String field) {
    for (int i = events.size() - 1; i >= 0; i--) {
      if (events.get(i).has(field)) {
        return events.get(i);
      }
    }
    return null;
  }

  /** Whether a status says that its replica is in a role and a phase. */
  static boolean is(JsonNode status, String role, String phase) {
    return status.has("role")
        && status.get("role").asString().equals(role)
        && status.get("phase").asString().equals(phase);
  }

  /** The newest status with a field, or null. */
  @Nullable JsonNode latest(String field) {
    synchronized (events) {
      return newest(events, field);
    }
  }

  /** SIGKILL. */
  void kill() {
    process.destroyForcibly();
  }

  boolean alive() {
    return process.isAlive();
  }

  /** Waits for its end; its exit status, or -1 if it does not end in time. */
  int awaitEnd(long timeoutMillis) throws InterruptedException {
    return process.waitFor(timeoutMillis, TimeUnit.MILLISECONDS) ? process.exitValue() : -1;
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}

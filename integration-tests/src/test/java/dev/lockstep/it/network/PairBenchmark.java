package dev.lockstep.it.network;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What protection costs a service, and how long clients wait when a primary dies: scripts/bench-pair. Measures, and asserts nothing but that it works. */
@Tag("bench")
class PairBenchmark {
  private static final int ROUNDS = Integer.getInteger("bench.rounds", 5);
  private static final int SECONDS = Integer.getInteger("bench.seconds", 10);

  /** How long a new backup works before anything is measured: what it costs to start is another question. */
  private static final int WARM_SECONDS = Integer.getInteger("bench.warm", 20);

  @TempDir Path folder = Path.of("unset");

  /** A figure of each round. */
  private static final class Figures {
    private final List<Double> values = new ArrayList<>();

    void add(double value) {
      values.add(value);
    }

    double at(double share) {
      List<Double> sorted = values.stream().sorted().toList();
      return sorted.get(Math.min((int) (sorted.size() * share), sorted.size() - 1));
    }

    double median() {
      return at(0.5);
    }
  }

  /** Short questions, one at a time: what the round trip between the replicas adds to each answer. */
  @Test
  void answers() throws Exception {
    measure(GuestPair.Service.PING, "answers", 0);
  }

  /** Short questions, one at a time, to a guest that computes besides: an answer waits for its turn there, and the question for the end of what was promised. */
  @Test
  void busy() throws Exception {
    measure(GuestPair.Service.BUSY_PING, "answers of a busy guest", 0);
  }

  /** A file of 64 KiB again and again over one connection. */
  @Test
  void throughput() throws Exception {
    measure(GuestPair.Service.NGINX, "throughput", 0);
  }

  /** The same file, asked for so far ahead that the guest always has something to do: what protection leaves of what the guest can do. */
  @Test
  void stream() throws Exception {
    measure(GuestPair.Service.NGINX_STREAM, "stream", 0);
  }

  /** Redis, sixteen commands in a question, asked ahead: a service that does more for each byte. */
  @Test
  void redis() throws Exception {
    measure(GuestPair.Service.REDIS_STREAM, "redis", 0);
  }

  /** Some questions a second: what a guest that is hardly busy costs. */
  @Test
  void idle() throws Exception {
    measure(GuestPair.Service.PING, "ten questions a second", 100);
  }

  /** By turns protected and not, in one life of one guest; then its primaries die. */
  private void measure(GuestPair.Service service, String what, long restMillis) throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    Figures[] p50 = {new Figures(), new Figures()};
    Figures[] p99 = {new Figures(), new Figures()};
    Figures[] rate = {new Figures(), new Figures()};
    Figures lag = new Figures();
    Figures log = new Figures();
    Figures gaps = new Figures();
    Figures joins = new Figures();
    try (Lab lab = Lab.open();
        GuestPair pair = new GuestPair(lab, service, folder, seed)) {
      if (Boolean.getBoolean("bench.tls")) {
        pair.encrypt();
      }
      pair.powerOn();
      try (LabProcess client = pair.client(seed, restMillis)) {
        for (int round = 0; round < ROUNDS; round++) {
          TimeUnit.SECONDS.sleep(WARM_SECONDS);
          int said = pair.primary().said();
          long before = pair.primary().latest("log_bytes");
          phase(client, p50[0], p99[0], rate[0]);
          log.add((pair.primary().latest("log_bytes") - before) * 8 / 1e6 / SECONDS);
          pair.primary().values("lag_millis", said).forEach(lag::add);
          said = pair.primary().said();
          pair.backup().signal("KILL");
          pair.primary().awaitPhase("primary", "not_protected", said, GuestPair.PATIENCE_MILLIS);
          phase(client, p50[1], p99[1], rate[1]);
          pair.protect();
          rest();
          joins.add(GuestPair.longestGapMicros(client, "mark") / 1e3);
          said = pair.backup().said();
          pair.primary().signal("KILL");
          pair.awaitTakeover(said);
          gaps.add(GuestPair.longestGapMicros(client, "after") / 1e3);
          pair.protect();
        }
      }
    }
    System.out.printf(
        "bench-pair: %s: protected %.0f KB/s, p50 %.2f ms, p99 %.2f ms; not protected %.0f KB/s, p50 %.2f ms, p99 %.2f ms; ratio of rates %.2f; added p50 %.2f ms, p99 %.2f ms (medians of %d rounds of %d s, %d s after a backup has joined)%n",
        what,
        rate[0].median(),
        p50[0].median(),
        p99[0].median(),
        rate[1].median(),
        p50[1].median(),
        p99[1].median(),
        rate[0].median() / rate[1].median(),
        p50[0].median() - p50[1].median(),
        p99[0].median() - p99[1].median(),
        ROUNDS,
        SECONDS,
        WARM_SECONDS);
    System.out.printf(
        "bench-pair: %s: lag p50 %.0f ms, p99 %.0f ms; log %.3f Mbit/s; from SIGKILL to the next answer: median %.0f ms, longest %.0f ms of %d; longest time without an answer while a backup joins: median %.0f ms, longest %.0f ms%n",
        what,
        lag.median(),
        lag.at(0.99),
        log.median(),
        gaps.median(),
        gaps.at(1),
        ROUNDS,
        joins.median(),
        joins.at(1));
  }

  private static void rest() throws InterruptedException {
    TimeUnit.SECONDS.sleep(2);
  }

  private static void phase(LabProcess client, Figures p50, Figures p99, Figures rate)
      throws Exception {
    GuestPair.ask(client, "mark");
    TimeUnit.SECONDS.sleep(SECONDS);
    JsonNode said = GuestPair.ask(client, "phase");
    p50.add(said.path("p50_micros").asLong() / 1e3);
    p99.add(said.path("p99_micros").asLong() / 1e3);
    rate.add(
        said.path("since_mark_bytes").asLong() * 1e3 / said.path("since_mark_micros").asLong());
  }
}

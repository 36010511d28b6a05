package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A client's connection into the guest goes on, whatever happens to the primary: not a byte is lost, repeated or changed. */
class NetworkFailoverTest {
  private static final int SAMPLE_KILLS = 2;
  private static final int CAMPAIGN_KILLS = 50;
  private static final int MAX_PAUSE_MILLIS = 1_500;
  private static final String[] FREELY = {
    "--following", "free-running", "--cpu-model", "lockstep-v1", "--patch-tsc"
  };

  /** How the replicas speak with each other. */
  private enum Link {
    PLAIN,
    TLS
  }

  /** With what the processes have said, if it fails. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder = Path.of("unset");

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aConnectionOutlivesItsPrimaries() throws Exception {
    kills(GuestPair.Service.ECHO, SAMPLE_KILLS);
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aSessionWithNginxOutlivesItsPrimaries() throws Exception {
    kills(GuestPair.Service.NGINX, SAMPLE_KILLS);
  }

  /** What redis has confirmed it still knows, and nothing was done twice; the replicas speak TLS with each other. */
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aSessionWithRedisOutlivesItsPrimaries() throws Exception {
    kills(Link.TLS, GuestPair.Service.REDIS, SAMPLE_KILLS);
  }

  /** Linux followed freely: neither replica repeats the other's instructions, and the client cannot tell. */
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aConnectionOutlivesPrimariesThatAreFollowedFreely() throws Exception {
    kills(GuestPair.Service.ECHO, SAMPLE_KILLS, FREELY);
  }

  @Test
  @Tag("long")
  void aConnectionOutlivesFiftyPrimaries() throws Exception {
    kills(GuestPair.Service.ECHO, Integer.getInteger("campaign.runs", CAMPAIGN_KILLS));
  }

  @Test
  @Tag("long")
  void aSessionWithNginxOutlivesFiftyPrimaries() throws Exception {
    kills(GuestPair.Service.NGINX, Integer.getInteger("campaign.runs", CAMPAIGN_KILLS));
  }

  @Test
  @Tag("long")
  void aSessionWithRedisOutlivesFiftyPrimaries() throws Exception {
    kills(Link.TLS, GuestPair.Service.REDIS, Integer.getInteger("campaign.runs", CAMPAIGN_KILLS));
  }

  @Test
  @Tag("long")
  void aConnectionOutlivesFiftyPrimariesThatAreFollowedFreely() throws Exception {
    kills(GuestPair.Service.ECHO, Integer.getInteger("campaign.runs", CAMPAIGN_KILLS), FREELY);
  }

  /** Kills the primary at random moments, brings a new backup in, and kills again. One connection lives through all of it. */
  private void kills(GuestPair.Service service, int kills, String... options) throws Exception {
    kills(Link.PLAIN, service, kills, options);
  }

  private void kills(Link link, GuestPair.Service service, int kills, String... options)
      throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    System.out.printf("network failover: %s, %s, %d kills, seed %d%n", service, link, kills, seed);
    Random random = new Random(seed);
    List<Long> gaps = new ArrayList<>();
    List<Long> joins = new ArrayList<>();
    int lost = 0;
    try (Lab lab = Lab.open();
        GuestPair pair = new GuestPair(lab, service, folder, seed, options)) {
      if (link == Link.TLS) {
        pair.encrypt();
      }
      pair.powerOn();
      try (LabProcess client = pair.client(seed)) {
        for (int kill = 0; kill < kills; kill++) {
          TimeUnit.MILLISECONDS.sleep(random.nextInt(MAX_PAUSE_MILLIS));
          lost += pair.awaitBackup() ? 1 : 0;
          joins.add(GuestPair.longestGapMicros(client, "mark"));
          int said = pair.backup().said();
          pair.primary().signal("KILL");
          pair.awaitTakeover(said);
          // The longest gap since the mark before the kill: the one in which it fell.
          gaps.add(GuestPair.longestGapMicros(client, "after"));
          pair.protect();
        }
        JsonNode end = GuestPair.ask(client, "stop");
        System.out.printf(
            "network failover: %s: %d of %d kills, %d bytes over one connection; %d times the backup was lost by itself%n",
            service, kills, kills, end.path("bytes").asLong(), lost);
      }
    }
    tell("when the primary was killed", gaps);
    // The first mark is of the time before any backup has joined a guest that runs.
    if (kills > 1) {
      tell("while a backup joined", joins.subList(1, kills));
    }
    assertThat(gaps).hasSize(kills);
  }

  private static void tell(String when, List<Long> micros) {
    List<Long> sorted = micros.stream().sorted().toList();
    System.out.printf(
        "network failover: longest time without an answer %s: median %.0f ms, longest %.0f ms%n",
        when, sorted.get(sorted.size() / 2) / 1e3, sorted.getLast() / 1e3);
  }
}

package dev.lockstep.it.network;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A client's connection through everything else that can happen to a pair: one guest lives through all of it, with one connection. */
class NetworkFaultsTest {
  private static final int CAMPAIGN_ROUNDS = 50;
  private static final int MAX_PAUSE_MILLIS = 1_000;

  /** What happens to a pair. */
  private enum Fault {
    /** The primary freezes, its backup takes over, and it comes back: it sends nothing more. */
    ZOMBIE,
    /** The link between the hosts breaks. */
    LINK,
    /** All cables of both hosts break; later the guest's are plugged in again. */
    ALL_CABLES,
    /** What the primary sends to the backup is lost. */
    DEAF_BACKUP,
    /** What the backup sends to the primary is lost. */
    MUTE_BACKUP,
    /** The backup dies. */
    BACKUP_DIES,
    /** A backup dies while it joins. */
    JOINING_BACKUP_DIES,
    /** The guest's tap device is deleted where it runs; it comes back into its bridge, with nobody's help. */
    TAP_DELETED
  }

  /** With what the processes have said, if it fails. */
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path folder = Path.of("unset");

  @Test
  @Timeout(value = 15, unit = TimeUnit.MINUTES)
  void aConnectionOutlivesEachFault() throws Exception {
    rounds(1);
  }

  @Test
  @Tag("long")
  void aConnectionOutlivesEachFaultFiftyTimes() throws Exception {
    rounds(Integer.getInteger("campaign.runs", CAMPAIGN_ROUNDS));
  }

  private void rounds(int rounds) throws Exception {
    long seed = Long.getLong("lockstep.seed", new Random().nextLong()) >>> 16;
    System.out.printf("network faults: %d rounds, seed %d%n", rounds, seed);
    Random random = new Random(seed);
    String only = System.getProperty("campaign.fault");
    List<Fault> faults = only == null ? List.of(Fault.values()) : List.of(Fault.valueOf(only));
    Map<Fault, Long> worst = new EnumMap<>(Fault.class);
    int done = 0;
    int lost = 0;
    try (Lab lab = Lab.open();
        GuestPair pair = new GuestPair(lab, GuestPair.Service.ECHO, folder, seed)) {
      pair.powerOn();
      try (LabProcess client = pair.client(seed)) {
        for (; done < rounds; done++) {
          for (Fault fault : faults) {
            TimeUnit.MILLISECONDS.sleep(random.nextInt(MAX_PAUSE_MILLIS));
            lost += pair.awaitBackup() ? 1 : 0;
            GuestPair.longestGapMicros(client, "mark");
            happen(fault, lab, pair, client, random);
            long gap = GuestPair.longestGapMicros(client, "after");
            worst.merge(fault, gap, Math::max);
          }
        }
        JsonNode end = GuestPair.ask(client, "stop");
        System.out.printf(
            "network faults: %d bytes echoed over one connection%n", end.path("bytes").asLong());
      }
    } finally {
      System.out.printf(
          "network faults: %d of %d rounds of %d; %d times the backup was lost by itself%n",
          done, rounds, faults.size(), lost);
    }
    worst.forEach((fault, micros) ->
        System.out.printf(
            "network faults: %s: longest time without an answer %d ms%n", fault, micros / 1_000));
  }

  private static void happen(Fault fault, Lab lab, GuestPair pair, LabProcess client, Random random)
      throws Exception {
    int saidByPrimary = pair.primary().said();
    int saidByBackup = pair.backup().said();
    switch (fault) {
      case TAP_DELETED -> {
        lab.deleteTap(pair.primaryHost());
        pair.primary()
            .await(
                "that its tap device is back",
                saidByPrimary,
                event ->
                    event
                        .path("note")
                        .asString("")
                        .contains("is in bridge %s again".formatted(Lab.BRIDGE)),
                GuestPair.PATIENCE_MILLIS);
      }
      case ZOMBIE -> zombie(lab, pair, client);
      case LINK -> {
        lab.cutLink();
        settle(lab::joinLink, pair, saidByPrimary, saidByBackup);
      }
      case ALL_CABLES -> {
        lab.cutLink();
        lab.uplink(Lab.Place.A, false);
        lab.uplink(Lab.Place.B, false);
        settle(
            () -> {
              lab.uplink(Lab.Place.A, true);
              lab.uplink(Lab.Place.B, true);
              lab.joinLink();
            },
            pair,
            saidByPrimary,
            saidByBackup);
      }
      case DEAF_BACKUP -> oneWay(lab, pair, pair.primaryHost());
      case MUTE_BACKUP -> oneWay(lab, pair, pair.primaryHost().other());
      case BACKUP_DIES -> {
        int said = pair.primary().said();
        pair.backup().signal("KILL");
        pair.primary().awaitPhase("primary", "not_protected", said, GuestPair.PATIENCE_MILLIS);
        pair.protect();
      }
      case JOINING_BACKUP_DIES -> {
        int said = pair.primary().said();
        pair.backup().signal("KILL");
        pair.primary().awaitPhase("primary", "not_protected", said, GuestPair.PATIENCE_MILLIS);
        said = pair.primary().said();
        pair.join();
        pair.primary().awaitPhase("primary", "transferring", said, GuestPair.PATIENCE_MILLIS);
        TimeUnit.MILLISECONDS.sleep(random.nextInt(300));
        pair.backup().signal("KILL");
        said = pair.primary().said();
        pair.join();
        pair.primary().awaitPhase("primary", "protected", said, GuestPair.PATIENCE_MILLIS);
      }
    }
  }

  private static void zombie(Lab lab, GuestPair pair, LabProcess client) throws Exception {
    Lab.Place frozen = pair.primaryHost();
    LabProcess zombie = pair.primary();
    int said = pair.backup().said();
    zombie.signal("STOP");
    pair.awaitTakeover(said);
    GuestPair.longestGapMicros(client, "alive");
    long frames = lab.framesFrom(frozen);
    zombie.signal("CONT");
    assertThat(zombie.awaitEnd(GuestPair.PATIENCE_MILLIS))
        .as("the zombie's exit status")
        .isEqualTo(84);
    assertThat(lab.framesFrom(frozen)).as("frames from the zombie").isEqualTo(frames);
    pair.protect();
  }

  private static void oneWay(Lab lab, GuestPair pair, Lab.Place mute) throws Exception {
    int saidByPrimary = pair.primary().said();
    int saidByBackup = pair.backup().said();
    lab.loseFrom(mute);
    settle(() -> lab.heal(mute), pair, saidByPrimary, saidByBackup);
  }

  /** Something of the lab that is made whole again. */
  @FunctionalInterface
  private interface Healing {
    void heal() throws Exception;
  }

  /** Waits until one replica goes on alone and the other knows; heals, and waits until the guest is protected again. */
  private static void settle(Healing healing, GuestPair pair, int saidByPrimary, int saidByBackup)
      throws Exception {
    Lab.Place before = pair.primaryHost();
    Lab.Place after = pair.awaitDecision(saidByPrimary, saidByBackup);
    int said = pair.primary().said();
    healing.heal();
    if (after == before) {
      pair.awaitProtected(said);
    } else {
      pair.protect();
    }
  }
}

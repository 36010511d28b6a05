package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.ft.wire.ProtocolVersions;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hosts are upgraded in turn: the VM moves from one that speaks other versions of the protocol to this program's, and the other way, while the guest runs. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class UpgradeTest {
  private static final int SOME_BYTES = 60;
  private static final int CURRENT = ProtocolVersions.SPOKEN.highest();
  private static final int TOO_OLD = ProtocolVersions.SPOKEN.lowest() - 1;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final GuestLoader guest = Guests.clockwork(8);
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");
  @TempDir Path folder = Path.of("unset");

  @BeforeEach
  void tell() {
    System.out.println("UpgradeTest seed " + seed);
  }

  @ParameterizedTest
  @CsvSource({
    "-1, 0, 0, 0",
    "0, 0, -1, 0",
    "0, 0, 0, 1",
    "0, 1, 0, 0",
    "-1, 0, 0, 1",
    "-1, -1, -1, 0",
    "-1, 0, -1, -1"
  })
  void theVmMovesBetweenReleases(int lowA, int highA, int lowB, int highB) throws Exception {
    int common = CURRENT + Math.min(highA, highB);
    ProtocolVersions speaksA = new ProtocolVersions(CURRENT + lowA, CURRENT + highA);
    ProtocolVersions speaksB = new ProtocolVersions(CURRENT + lowB, CURRENT + highB);
    Rig rig = new Rig(folder, random);
    try (Replica b = rig.speaking(speaksB).backup("b", new TinySource(guest), atB);
        Replica a = rig.speaking(speaksA).primary("a", new TinySource(guest), b, atA)) {
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      assertThat(a.status().protocolVersion()).isEqualTo(common);
      assertThat(b.status().protocolVersion()).isEqualTo(common);
      for (Watching told : new Watching[] {atA, atB}) {
        assertThat(told.notes()).anyMatch(it -> it.endsWith("the pair speaks version " + common));
      }
      rig.type(a, 5);
      a.failover().get(60, TimeUnit.SECONDS);
      atB.await("PROTECTED");
      rig.type(b, 5);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      b.failover().get(60, TimeUnit.SECONDS);
      atA.await("PROTECTED", 2);
      rig.outside.await(rig.outside.size() + SOME_BYTES, 60);
      Rig.quit(a);
      assertThat(a.ended().get(60, TimeUnit.SECONDS).outcome())
          .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }

  @Test
  void aReleaseWithoutACommonVersionIsRefusedByBoth() throws Exception {
    Rig rig = new Rig(folder, random);
    try (Replica b =
            rig.speaking(ProtocolVersions.only(TOO_OLD)).backup("b", new TinySource(guest), atB);
        Replica a =
            rig.speaking(ProtocolVersions.SPOKEN).primary("a", new TinySource(guest), b, atA)) {
      assertThatThrownBy(() -> a.ended().get(60, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(VmmException.class)
          .hasMessageContaining("upgrade b")
          .hasMessageContaining("b speaks version " + TOO_OLD + " (");
      atB.awaitNote("was refused");
      assertThat(b.ended()).as("the one that waits for the right primary").isNotDone();
    }
  }
}

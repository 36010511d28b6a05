package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.MachineInput;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that never waits halted: one promise follows the other, and what comes from outside finds its place between two of them. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PollingGuestTest {
  private static final int UART0 = 0;
  private static final int QUESTIONS = 20;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final GuestLoader guest = Guests.poller();
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");
  @TempDir Path folder = Path.of("unset");

  @Test
  void isAnsweredHereAndWhereItGoesOn() throws Exception {
    System.out.println("PollingGuestTest seed " + seed);
    Rig rig = new Rig(folder, new Random(seed));
    try (Replica b = rig.backup("b", new TinySource(guest), atB)) {
      Replica a = rig.primary("a", new TinySource(guest), b, atA);
      atA.await("PROTECTED");
      ask(rig, a);
      Rig.crash(a);
      atB.await("LIVE");
      ask(rig, b);
    }
    assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
  }

  private static void ask(Rig rig, Replica live) throws InterruptedException {
    byte[] question = "abc".getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < QUESTIONS; i++) {
      int seen = rig.outside.size();
      // A guest that goes live takes inputs a moment after its replica has said so.
      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> live.inject(new MachineInput.ConsoleBytes(UART0, question)));
      rig.outside.await(seen + question.length, 60);
    }
  }
}

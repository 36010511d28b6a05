package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.snapshot.CheckpointReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A backup whose attempt to join fails while it puts the checkpoint in: as when the link breaks just then, and the file is taken from under it. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class RejoinTest {
  private static final int FAILURES = 2;
  private static final int SOME_BYTES = 40;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final Watching atA = new Watching("a");
  private final Watching atB = new Watching("b");
  @TempDir Path folder = Path.of("unset");

  /** Cannot read the first checkpoints to their end. */
  private static final class Interrupted extends WrappedSource {
    private final AtomicInteger restores = new AtomicInteger();

    Interrupted() {
      super(new TinySource(Guests.clockwork(8)));
    }

    @Override
    public Machine restore(CheckpointReader checkpoint) throws IOException {
      if (restores.incrementAndGet() <= FAILURES) {
        throw new IOException("the file is closed");
      }
      return super.restore(checkpoint);
    }
  }

  @Test
  void joinsAnewUntilItIsThere() throws Exception {
    System.out.println("RejoinTest seed " + seed);
    Rig rig = new Rig(folder, random);
    Interrupted interrupted = new Interrupted();
    try (Replica b = rig.backup("b", interrupted, atB);
        Replica a = rig.primary("a", new TinySource(Guests.clockwork(8)), b, atA)) {
      atA.await("PROTECTED");
      assertThat(interrupted.restores).hasValue(FAILURES + 1);
      assertThat(atB.notes())
          .anyMatch(it -> it.contains("this backup is lost (CHECKPOINT_FAILED)"));
      rig.outside.await(SOME_BYTES, 60);
      Rig.crash(a);
      atB.await("LIVE");
      int seen = rig.outside.size();
      rig.type(b, 5);
      rig.outside.await(seen + SOME_BYTES, 60);
      assertThat(rig.outside.violation()).as("seed %d", seed).isEmpty();
    }
  }
}

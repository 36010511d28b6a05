package dev.lockstep.ft.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.machine.Machine;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * A primary that dies while its backup, in whose memory a bit was flipped, is made its equal again: what the tests of exact and of free-running following have in common.
 *
 * @param fresh bytes that the guest must say in the backup before it has gone on
 */
record DyingPrimary(Rig rig, Watching atA, Watching atB, int fresh) {
  /** Bytes that the guest says before anything happens. */
  static final int SOME_BYTES = 60;

  /** When it dies. */
  @FunctionalInterface
  interface Moment {
    void await() throws InterruptedException;
  }

  /** What flips a bit of the backup's machine. */
  @FunctionalInterface
  interface Damage {
    void to(Machine machine) throws Exception;
  }

  /** What is said on the way, in order: by the backup that its replay differs, by the primary that it knows, by either that it is over. */
  enum Stage {
    FOUND,
    TOLD,
    STOOD_STILL,
    EQUAL_AT_B,
    EQUAL_AT_A
  }

  /** As soon as a stage was told. */
  void await(Stage stage) throws InterruptedException {
    switch (stage) {
      case FOUND -> atB.awaitNote("this backup's replay differs");
      case TOLD -> atA.awaitNote("divergence 1");
      case STOOD_STILL -> {
        // The first pause was that of the join.
        atA.await("RESYNCHRONISING");
        atA.awaitNote("the guest stood still");
      }
      case EQUAL_AT_B -> atB.awaitNote("this backup is the primary's equal again");
      case EQUAL_AT_A -> atA.awaitNote("the backup is made equal again");
    }
  }

  /** Any moment from the time on at which the difference was found. */
  Moment anyMoment(Random random) {
    long nanos = random.nextInt(60_000_000);
    return () -> {
      await(Stage.FOUND);
      TimeUnit.NANOSECONDS.sleep(nanos);
    };
  }

  /** Starts the pair, damages its backup, lets the primary die, and sees that the backup goes on. */
  void dies(TinySource sourceA, TinySource sourceB, Damage damage, Moment moment) throws Exception {
    try (Replica b = rig.backup("b", sourceB, atB)) {
      Replica a = rig.primary("a", sourceA, b, atA);
      atA.await("PROTECTED");
      rig.outside.await(SOME_BYTES, 60);
      rig.type(a, 5);
      damage.to(sourceB.machine());
      moment.await();
      takesOver(a, b);
    }
  }

  /** The primary dies and its backup goes on until the guest ends, as one machine to the outside. */
  void takesOver(Replica a, Replica b) throws Exception {
    Rig.crash(a);
    atB.await("LIVE");
    int seen = rig.outside.size();
    rig.type(b, 10);
    rig.outside.await(seen + fresh, 60);
    Rig.quit(b);
    assertThat(b.ended().get(60, TimeUnit.SECONDS).outcome())
        .isEqualTo(ReplicaEnd.Outcome.GUEST_ENDED);
    assertThat(rig.outside.violation()).isEmpty();
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.vmm.log.LogEntry;
import dev.lockstep.vmm.log.Moment;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** A backup that runs as far as its primary has promised that nothing happens: beside it, and before it. */
class RunAheadTest {
  private static final int TYPED = 40;

  private final long seed = Long.getLong("lockstep.seed", new Random().nextLong());
  private final Random random = new Random(seed);
  private final GoLiveTest.ByOffset outside = new GoLiveTest.ByOffset();
  private final GoLiveTest.ByOffset again = new GoLiveTest.ByOffset();

  /** One whose primary goes on only when the backup is where the promise ends, or has halted. */
  private static class BackupFirst extends PromisingLog {
    private volatile @Nullable Machine backup;
    private volatile long ledBranches;

    BackupFirst() {
      super(sequence -> {});
    }

    @Override
    public void promise(Moment moment, long until) {
      super.promise(moment, until);
      Machine first = backup;
      while (first != null && !first.ended().isDone()) {
        Moment stands = first.atBoundary(Boundary::moment).join();
        if (stands.count() >= until || stands.halted()) {
          ledBranches += Math.max(stands.count() - moment.count(), 0);
          return;
        }
      }
    }
  }

  @Test
  void aBackupThatIsAlwaysFirstComesToTheSameEnd() throws Exception {
    BackupFirst stream = new BackupFirst();
    try (Machine primary = machine();
        Machine backup = machine()) {
      begin(primary, backup, stream);
      stream.backup = backup;
      type(primary, TYPED);
      end(primary, backup);
      assertThat(stream.ledBranches)
          .as("branches that the backup was first to execute")
          .isPositive();
    }
  }

  @RepeatedTest(20)
  void aBackupBesideItsPrimaryComesToTheSameEnd() throws Exception {
    System.out.println("RunAheadTest seed " + seed);
    PromisingLog stream = new PromisingLog(sequence -> {});
    try (Machine primary = machine();
        Machine backup = machine()) {
      begin(primary, backup, stream);
      for (int i = 0; i < TYPED; i++) {
        type(primary, 1);
        // Whoever looks makes a vCPU stop anywhere.
        (random.nextBoolean() ? primary : backup).atBoundary(Boundary::moment).get();
      }
      end(primary, backup);
      assertThat(stream.promises()).isPositive();
    }
  }

  /** Entries come only when the backup has run as far as it may without, and many a mark is lost. */
  @RepeatedTest(20)
  void aBackupThatWaitsForItsEntriesIsNeverPastTheNext() throws Exception {
    System.out.println("RunAheadTest seed " + seed);
    Captured log = new Captured(random);
    MachineEnd recorded;
    try (Machine primary = machine()) {
      primary.start(log, new DirectGate(outside), 1);
      for (int i = 0; i < TYPED; i++) {
        // Two at once may take effect at one moment.
        type(primary, 1);
        primary.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {'7'}));
      }
      primary.stop();
      recorded = Machines.await(primary);
    }
    try (Machine backup = machine()) {
      backup.follow(log, new DirectGate(again), MachineMode.FOLLOW);
      while (!backup.ended().isDone()) {
        Moment before = backup.atBoundary(Boundary::moment).get();
        LockSupport.parkNanos(50_000);
        if (backup.ended().isDone() || backup.atBoundary(Boundary::moment).get().equals(before)) {
          log.give();
        }
      }
      assertThat(Machines.await(backup)).as("seed %d", seed).isEqualTo(recorded);
      assertThat(again.bytes()).as("seed %d", seed).isEqualTo(outside.bytes());
    }
  }

  /** What a primary is looked at for, it is looked at where its promise is over. */
  @Test
  void aPrimaryIsLookedAtWhereNothingIsPromised() throws Exception {
    AtomicLong promised = new AtomicLong();
    PromisingLog stream =
        new PromisingLog(sequence -> {}) {
          @Override
          public void promise(Moment moment, long until) {
            promised.set(until);
            super.promise(moment, until);
          }
        };
    try (Machine primary = machine()) {
      primary.start(stream, new DirectGate(outside), 1);
      for (int i = 0; i < 10 * TYPED; i++) {
        type(primary, 1);
        long left =
            primary
                .atBoundary(it -> it.moment().halted() ? 0 : promised.get() - it.moment().count())
                .get();
        assertThat(left).as("seed %d: branches that are promised still", seed).isNotPositive();
      }
    }
  }

  /** The backup's output was there before the word of the primary's came, and is compared with it all the same. */
  @Test
  void whatItHasPutOutFirstIsCompared() throws Exception {
    BackupFirst stream =
        new BackupFirst() {
          private int outputs;

          @Override
          public void append(long sequence, LogEntry entry) {
            boolean wrong = entry instanceof LogEntry.OutputEntry && ++outputs == 20;
            super.append(sequence, wrong ? altered((LogEntry.OutputEntry) entry) : entry);
          }
        };
    try (Machine primary = machine();
        Machine backup = machine()) {
      begin(primary, backup, stream);
      stream.backup = backup;
      type(primary, TYPED);
      assertThatThrownBy(() -> Machines.await(backup))
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(DivergenceException.class)
          .hasMessageContaining("hash of output of stream");
    }
  }

  private static LogEntry altered(LogEntry.OutputEntry it) {
    return new LogEntry.OutputEntry(it.at(), it.stream(), it.offset(), it.length(), it.hash() ^ 1);
  }

  private static Machine machine() {
    return Machines.create(Machines.spec(Pacing.HOST), Guests.clockwork(8));
  }

  private void begin(Machine primary, Machine backup, StreamLog stream) {
    primary.start(stream, new DirectGate(outside), 1);
    backup.follow(stream, new DirectGate(again), MachineMode.FOLLOW);
  }

  private void end(Machine primary, Machine backup) throws Exception {
    primary.stop();
    MachineEnd there = Machines.await(primary);
    MachineEnd here = Machines.await(backup);
    assertThat(here).as("seed %d", seed).isEqualTo(there);
    assertThat(backup.atBoundary(boundary -> boundary.digest(false)).get())
        .as("seed %d", seed)
        .isEqualTo(primary.atBoundary(boundary -> boundary.digest(false)).get());
    assertThat(again.bytes()).as("seed %d", seed).isEqualTo(outside.bytes()).isNotEmpty();
  }

  private void type(Machine machine, int inputs) throws InterruptedException {
    Typing.at(machine, random, inputs);
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lockstep.engine.VmmException;
import dev.lockstep.kvm.Errno;
import dev.lockstep.kvm.KvmException;
import dev.lockstep.vmm.log.EndReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Machines on kvm come and go, many and at any moment, and leave nothing in the JVM. */
@Timeout(600)
class KvmMachinesTest {
  private static final int MACHINES = 1000, WARM_UP = 50;
  private static final int AT_ONCE = 64;
  private static final int CLOSES = 200;

  /** What the JVM may open, map and keep for itself meanwhile: less than one machine in ten would leave. */
  private static final int STRAY_DESCRIPTORS = 3, STRAY_MAPPINGS = 19;

  /** So often a JVM that has just then taken something for itself is given another chance. */
  private static final int MORE_ROUNDS = 2;

  private static final long STRAY_HEAP = 1L << 20;
  private static final long CLOSE_WITHIN_NANOS = 2_000_000;

  private KvmMachines machines;

  @BeforeEach
  void deviceIsThere() {
    machines = KvmMachines.need("machines on kvm are not made and closed");
  }

  @Test
  void aThousandMachinesLeaveNothing() throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      comeAndGo("warm-up", i);
    }
    Footprint before = Footprint.now();
    Footprint after = aThousandComeAndGo(before);
    // What machines leave they leave each time; what a JVM opens for itself meanwhile it does not.
    for (int i = 0; i < MORE_ROUNDS && leavesMore(before, after); i++) {
      before = after;
      after = aThousandComeAndGo(before);
    }
    assertNothingLeft(before, after);
  }

  private Footprint aThousandComeAndGo(Footprint before) throws Exception {
    long started = System.nanoTime();
    for (int i = 0; i < MACHINES; i++) {
      comeAndGo("machine " + i, i);
    }
    long millis = (System.nanoTime() - started) / 1_000_000;
    Footprint after = Footprint.now();
    System.out.printf(
        "campaign machines: %,d made, run and closed on kvm in %,d ms; before %s; after %s%n",
        MACHINES, millis, before, after);
    return after;
  }

  private static boolean leavesMore(Footprint before, Footprint after) {
    return after.descriptors() - before.descriptors() > STRAY_DESCRIPTORS
        || after.mappings() - before.mappings() > STRAY_MAPPINGS
        || after.threads() - before.threads() > STRAY_DESCRIPTORS
        || after.heap() - before.heap() >= STRAY_HEAP;
  }

  private void comeAndGo(String name, int number) throws Exception {
    int code = number & 0x7f;
    try (Machine machine = machines.create(name, Guests.exit(code))) {
      machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
      MachineEnd end = Machines.await(machine);
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      assertThat(end.exitCode()).isEqualTo(code);
    }
  }

  private static void assertNothingLeft(Footprint before, Footprint after) {
    assertThat(after.descriptors() - before.descriptors())
        .as("descriptors")
        .isLessThanOrEqualTo(STRAY_DESCRIPTORS);
    assertThat(after.mappings() - before.mappings())
        .as("mappings")
        .isLessThanOrEqualTo(STRAY_MAPPINGS);
    assertThat(after.timers()).as("timers").isLessThanOrEqualTo(before.timers());
    assertThat(after.threads() - before.threads())
        .as("threads")
        .isLessThanOrEqualTo(STRAY_DESCRIPTORS);
    assertThat(after.heap() - before.heap()).as("heap").isLessThan(STRAY_HEAP);
  }

  @Test
  void sixtyFourRunAtOnce() throws Exception {
    List<Machine> running = new ArrayList<>();
    List<Machines.Console> consoles = new ArrayList<>();
    try {
      for (int i = 0; i < AT_ONCE; i++) {
        Machine machine = machines.create("machine " + i, KvmMachines.countsUntilTyped());
        Machines.Console console = new Machines.Console();
        running.add(machine);
        consoles.add(console);
        machine.start(LogSink.NONE, new DirectGate(console), 1);
      }
      for (Machines.Console console : consoles) {
        while (console.size() == 0) {
          LockSupport.parkNanos(100_000);
        }
      }
      for (Machine machine : running) {
        assertThat(machine.status().state()).isEqualTo(MachineState.RUNNING);
      }
      // None has ended: each gets on while all the others are there.
      List<Long> counted = counts(running);
      for (List<Long> now = counts(running); !allMore(now, counted); now = counts(running)) {
        LockSupport.parkNanos(100_000);
      }
      for (int i = 0; i < AT_ONCE; i++) {
        running
            .get(i)
            .inject(
                new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {(byte) (i + 1)}));
      }
      for (int i = 0; i < AT_ONCE; i++) {
        assertThat(Machines.await(running.get(i)).exitCode()).as("machine %d", i).isEqualTo(i + 1);
      }
      System.out.printf("campaign machines: %d at once on kvm, each with its own end%n", AT_ONCE);
    } finally {
      running.forEach(Machine::close);
    }
  }

  /** How far each guest has counted, asked of all at once. */
  private static List<Long> counts(List<Machine> machines) {
    List<CompletableFuture<Long>> asked =
        machines.stream()
            .map(it -> it.atBoundary(boundary -> boundary.memory().read64(Guests.DATA)))
            .toList();
    return asked.stream().map(CompletableFuture::join).toList();
  }

  private static boolean allMore(List<Long> now, List<Long> before) {
    return IntStream.range(0, now.size()).allMatch(i -> now.get(i) > before.get(i));
  }

  @Test
  void closedWhileRunning() throws Exception {
    long seed = Long.getLong("lockstep.seed", System.nanoTime());
    Random random = new Random(seed);
    for (int i = 0; i < WARM_UP; i++) {
      closeAtRandom(random);
    }
    Footprint before = Footprint.now();
    for (int i = 0; i < CLOSES; i++) {
      closeAtRandom(random);
    }
    Footprint after = Footprint.now();
    System.out.printf(
        "campaign closes: %,d machines closed on kvm while they ran, seed %d; before %s; after %s%n",
        CLOSES, seed, before, after);
    assertNothingLeft(before, after);
  }

  /** By one or two threads at a time, while a third gives orders. */
  private void closeAtRandom(Random random) throws Exception {
    List<Supplier<GuestLoader>> guests =
        List.of(KvmMachines::spins, KvmMachines::writes, KvmMachines::sleeps);
    Machine machine =
        machines.create("to be closed", guests.get(random.nextInt(guests.size())).get());
    machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
    List<Thread> others = new ArrayList<>();
    others.add(Thread.ofPlatform().start(() -> order(machine)));
    if (random.nextBoolean()) {
      others.add(Thread.ofPlatform().start(machine::close));
    }
    LockSupport.parkNanos(random.nextLong(CLOSE_WITHIN_NANOS));
    machine.close();
    for (Thread other : others) {
      other.join();
    }
    assertThat(machine.ended()).isCompletedExceptionally();
    machine.kill();
    machine.close();
    assertThatThrownBy(() -> machine.pause().get()).hasCauseInstanceOf(VmmException.class);
  }

  private static void order(Machine machine) {
    for (int i = 0; i < 20; i++) {
      machine.pause();
      machine.resume();
      machine.atBoundary(Boundary::virtualNanos);
      machine.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {1}));
    }
  }

  /** The vCPU's thread is held up in its gate, so that orders pile up. */
  @Test
  void closedWithAsManyOrdersAsItTakes() throws Exception {
    CountDownLatch heldUp = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Machine machine = machines.create("busy", KvmMachines.spins());
    machine.start(
        LogSink.NONE,
        new DirectGate((stream, offset, bytes) -> {
          heldUp.countDown();
          hold(go);
        }),
        1);
    heldUp.await();
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 10_000; i++) {
                machine.resume();
              }
            })
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("orders wait");
    FutureTask<Void> closing = new FutureTask<>(machine::close, null);
    Thread closer = Thread.ofPlatform().start(closing);
    while (closer.isAlive() && closer.getState() != Thread.State.WAITING) {
      LockSupport.parkNanos(100_000);
    }
    go.countDown();
    closing.get();
    assertThat(machine.ended()).isCompletedExceptionally();
  }

  private static void hold(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException("the gate was interrupted", e);
    }
  }

  @Test
  void whatFailsOnTheVcpusThreadEndsThatMachineAlone() throws Exception {
    try (Machine other = machines.create("other", KvmMachines.countsUntilTyped())) {
      Machines.Console console = new Machines.Console();
      other.start(LogSink.NONE, new DirectGate(console), 1);
      Footprint before = Footprint.now();
      for (int i = 0; i < 8; i++) {
        Throwable thrown =
            i % 2 == 0 ? new StackOverflowError("seeded") : new IllegalStateException("seeded");
        Machine machine = machines.create("failing", KvmMachines.writes());
        machine.start(
            LogSink.NONE,
            new DirectGate((stream, offset, bytes) -> {
              if (offset > 2) {
                sneak(thrown);
              }
            }),
            1);
        assertThatThrownBy(() -> Machines.await(machine))
            .isInstanceOf(ExecutionException.class)
            .cause()
            .isSameAs(thrown)
            .hasMessage("seeded");
        assertThat(machine.status().state()).isEqualTo(MachineState.FAILED);
        machine.close();
        if (i == 3) {
          before = Footprint.now();
        }
      }
      assertNothingLeft(before, Footprint.now());
      other.inject(new MachineInput.ConsoleBytes(DeviceIndexes.UART0, new byte[] {9}));
      assertThat(Machines.await(other).exitCode()).isEqualTo(9);
    }
  }

  @Test
  void whatKvmFailsEndsAMachineWithAdvice() {
    try (Machine machine = machines.create("failing", KvmMachines.writes())) {
      machine.start(
          LogSink.NONE,
          new DirectGate((stream, offset, bytes) -> {
            throw new KvmException("KVM_RUN", 7, Errno.ENOMEM);
          }),
          1);
      assertThatThrownBy(() -> Machines.await(machine))
          .cause()
          .isInstanceOfSatisfying(
              VmmException.class,
              e -> {
                assertThat(e)
                    .hasMessage(
                        "machine 'failing' cannot go on: KVM_RUN on file descriptor 7: ENOMEM (out of memory)");
                assertThat(e.advice()).contains("less memory");
              });
    }
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void sneak(Throwable thrown) throws T {
    throw (T) thrown;
  }
}

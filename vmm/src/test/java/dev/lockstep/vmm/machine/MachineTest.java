package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lockstep.engine.VmmException;
import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class MachineTest {
  @Test
  void theGuestEndsTheMachineWithAnExitCode() throws Exception {
    try (Machine machine = Machines.create(Machines.spec(Pacing.HOST), Guests.exit(42))) {
      machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
      MachineEnd end = Machines.await(machine);
      assertThat(end.reason()).isEqualTo(EndReason.GUEST_EXIT);
      assertThat(end.exitCode()).isEqualTo(42);
      assertThat(machine.status().state()).isEqualTo(MachineState.ENDED);
    }
  }

  @Test
  void outputComesBeforeTheEndAndHaltingForEverIsAnEnd() throws Exception {
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.create(Machines.spec(Pacing.HOST), Guests.print("hello\n"))) {
      machine.start(LogSink.NONE, new DirectGate(console), 1);
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.HALTED_FOR_EVER);
      assertThat(console).hasToString("hello\n");
    }
  }

  @Test
  void exitsAreCountedByTheirKind() throws Exception {
    try (Machine machine = Machines.create(Machines.spec(Pacing.HOST), Guests.print("hello\n"))) {
      assertThat(machine.status().exits().of(ExitKind.PORT_WRITE)).isZero();
      machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
      Machines.await(machine);
      ExitCounts exits = machine.status().exits();
      assertThat(exits.of(ExitKind.PORT_WRITE)).isGreaterThanOrEqualTo("hello\n".length());
      assertThat(exits.of(ExitKind.HALT)).isEqualTo(1);
      assertThat(exits.of(ExitKind.MMIO_WRITE)).isZero();
    }
  }

  @Test
  void whatIsPrintedBetweenTwoBoundariesLeavesInOnePiece() throws Exception {
    AtomicInteger pieces = new AtomicInteger();
    AtomicLong bytes = new AtomicLong();
    OutputConsumer outside =
        (stream, offset, piece) -> {
          assertThat(offset).isEqualTo(bytes.getAndAdd(piece.length));
          pieces.incrementAndGet();
        };
    long exits;
    try (Machine machine = Machines.create(Machines.spec(Pacing.FREE), ExitGuests.printer())) {
      machine.start(LogSink.NONE, new DirectGate(outside), 1);
      await().until(() -> bytes.get() > 500_000);
      machine.stop();
      Machines.await(machine);
      exits = machine.status().exits().of(ExitKind.PORT_WRITE);
    }
    assertThat(exits).as("an exit for each byte").isGreaterThanOrEqualTo(bytes.get());
    assertThat(pieces.longValue()).as("pieces of %d bytes", bytes.get()).isLessThan(exits / 1000);
  }

  @Test
  void aGuestWithoutInterruptTableEndsByTripleFault() throws Exception {
    GuestLoader guest =
        (memory, state) -> {
          Guests.exit(0).load(memory, state);
          state.idtLimit = 0;
          memory.write16(Guests.CODE, 0x0b0f); // UD2
        };
    try (Machine machine = Machines.create(Machines.spec(Pacing.HOST), guest)) {
      machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.TRIPLE_FAULT);
    }
  }

  @Test
  void pausedTheGuestDoesNothingAndResumedItGoesOn() throws Exception {
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.create(Machines.spec(Pacing.HOST), Guests.clockwork(1))) {
      machine.start(LogSink.NONE, new DirectGate(console), 1);
      awaitOutput(console, 10);
      machine.pause().get(10, TimeUnit.SECONDS);
      MachineStatus before = machine.atBoundary(boundary -> machine.status()).get();
      long virtual = machine.atBoundary(Boundary::virtualNanos).get();
      int printed = console.size();
      Thread.sleep(50);
      assertThat(machine.atBoundary(Boundary::virtualNanos).get()).isEqualTo(virtual);
      assertThat(machine.status().branchCount()).isEqualTo(before.branchCount());
      assertThat(console.size()).isEqualTo(printed);
      machine.resume();
      awaitOutput(console, printed + 10);
      machine.stop();
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.STOPPED);
    }
  }

  @Test
  void virtualTimeIsNeverAheadOfTheHosts() throws Exception {
    long allowedAheadNanos = 10_000_000;
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.create(Machines.spec(Pacing.HOST), Guests.clockwork(64))) {
      machine.start(LogSink.NONE, new DirectGate(console), 1);
      // The host's window encloses the guest's, so a busy host cannot break this.
      long host = System.nanoTime();
      long virtual = machine.atBoundary(Boundary::virtualNanos).get();
      awaitOutput(console, 20);
      long virtualPassed = machine.atBoundary(Boundary::virtualNanos).get() - virtual;
      long hostPassed = System.nanoTime() - host;
      assertThat(virtualPassed).isPositive().isLessThan(hostPassed + allowedAheadNanos);
    }
  }

  @Test
  void killedTheMachineFailsAndClosesTwice() {
    Machine machine = Machines.create(Machines.spec(Pacing.HOST), Guests.clockwork(64));
    machine.start(LogSink.NONE, new DirectGate((stream, offset, bytes) -> {}), 1);
    machine.kill();
    assertThatThrownBy(() -> Machines.await(machine))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(VmmException.class)
        .hasMessageContaining("killed");
    machine.close();
    machine.close();
    assertThatThrownBy(() -> machine.pause().get()).hasCauseInstanceOf(VmmException.class);
  }

  private static void awaitOutput(Machines.Console console, int bytes) throws InterruptedException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (console.size() < bytes) {
      assertThat(System.nanoTime()).as("output %s", console).isLessThan(deadline);
      Thread.sleep(1);
    }
  }
}

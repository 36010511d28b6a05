package dev.lockstep.vmm.debug;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.EndReason;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.GuestLoader;
import dev.lockstep.vmm.machine.Guests;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.machine.Machines;
import dev.lockstep.vmm.machine.ReplayCursor;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import java.nio.file.Path;

/** A recorded run of a small guest with timer interrupts, opened for debugging. */
final class Recorded implements AutoCloseable {
  static final int TICKS = 20;

  /** The guest's count of ticks. */
  static final int TICKS_AT = 0x5_0000;

  private static final int TIMER_GATE = 0x1000 + 16 * 0x20;

  private final Machine machine;
  final ReplayCursor cursor;
  final TimeTravel travel;

  private Recorded(Machine machine, Path log, long maxBytes) {
    this.machine = machine;
    this.cursor = machine.navigate(from -> new FileLogSource(log, from));
    this.travel = new TimeTravel(cursor, maxBytes);
  }

  static Recorded open(Path folder, long maxBytes) throws Exception {
    Path log = folder.resolve("log");
    MachineSpec spec = Machines.spec(MachineSpec.Pacing.FREE);
    GuestLoader guest = Guests.clockworkUntil(TICKS);
    try (Machine machine = Machines.create(spec, guest)) {
      machine.start(new FileLogSink(log), new DirectGate((stream, offset, bytes) -> {}), 1);
      assertThat(Machines.await(machine).reason()).isEqualTo(EndReason.GUEST_EXIT);
    }
    return new Recorded(Machines.create(spec, guest), log, maxBytes);
  }

  /** Where the timer's interrupt handler begins. */
  long timerHandler() {
    return cursor.memory().read16(TIMER_GATE) | (long) cursor.memory().read16(TIMER_GATE + 6) << 16;
  }

  @Override
  public void close() {
    cursor.close();
    machine.close();
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import dev.lockstep.vmm.tsc.PatchedCode;
import org.junit.jupiter.api.Test;

/** A guest that mixes the time-stamp counter into all it does, with RDTSC and with what it is patched into. */
class PatchedCounterTest {
  private static final int TICKS = 40;
  private static final int CODE_BYTES = 4096;

  private record Run(int exitCode, long branches, String console) {}

  private static Run run(GuestLoader guest) throws Exception {
    Machines.Console console = new Machines.Console();
    try (Machine machine = Machines.create(Machines.spec(Pacing.FREE), guest)) {
      machine.start(LogSink.NONE, new DirectGate(console), 1);
      MachineEnd end = Machines.await(machine);
      return new Run(end.exitCode(), machine.status().branchCount(), console.toString());
    }
  }

  @Test
  void thePatchedGuestReadsTheSameTimes() throws Exception {
    GuestLoader guest = Guests.clockworkUntil(TICKS);
    int[] patched = {0};
    Run changed =
        run((memory, state) -> {
          guest.load(memory, state);
          patched[0] = PatchedCode.patch(memory, Guests.CODE, CODE_BYTES);
        });
    assertThat(patched[0]).isEqualTo(1);
    assertThat(changed).isEqualTo(run(guest));
    assertThat(changed.console()).isNotEmpty();
  }
}

package dev.lockstep.vmm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.log.MachineDigest;
import dev.lockstep.vmm.machine.MachineSpec.Pacing;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Machines in one JVM know nothing of each other. */
class ManyMachinesTest {
  private static final int MACHINES = 64;

  private record Run(String output, int exitCode, MachineDigest digest) {}

  @Test
  void sixtyFourAtOnceBehaveAsTheyDoAlone() throws Exception {
    List<Run> alone = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      alone.addAll(run(1, i));
    }
    assertThat(alone.stream().map(Run::output).distinct()).hasSizeGreaterThan(1);
    List<Run> together = run(MACHINES, 0);
    for (int i = 0; i < MACHINES; i++) {
      assertThat(together.get(i)).isEqualTo(alone.get(i % 4));
    }
  }

  /** Each machine ends after a number of ticks of its own; nothing comes in, so that each run is one function of that. */
  private static List<Run> run(int count, int first) throws Exception {
    List<Machine> machines = new ArrayList<>();
    List<Machines.Console> consoles = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        Machines.Console console = new Machines.Console();
        int ticks = 100 + 10 * ((first + i) % 4);
        Machine machine = Machines.create(Machines.spec(Pacing.FREE), Guests.clockworkUntil(ticks));
        machines.add(machine);
        consoles.add(console);
        machine.start(LogSink.NONE, new DirectGate(console), 1);
      }
      List<Run> runs = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        MachineEnd end = Machines.await(machines.get(i));
        MachineDigest digest = machines.get(i).atBoundary(boundary -> boundary.digest(false)).get();
        runs.add(new Run(consoles.get(i).toString(), end.exitCode(), digest));
      }
      return runs;
    } finally {
      machines.forEach(Machine::close);
    }
  }
}

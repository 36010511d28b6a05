package dev.lockstep.it.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.replay.Replay;
import dev.lockstep.vmm.replay.ReplayReport;
import dev.lockstep.vmm.tsc.ExactTsc;
import dev.lockstep.vmm.tsc.ExactTscPatch;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Debian's stock kernel with every read of the time-stamp counter made to go through the machine, on the software CPU: CR4.TSD is held from the first instruction to the last, programs read virtual time, a
 * module is patched before it runs, and the log of all that repeats.
 */
class ExactTscTest {
  private static final long TIME_STAMP_DISABLE = 1 << 2;
  private static final int READS = 8;

  @TempDir Path folder = Path.of("unset");

  /** A machine, and what its patch does. */
  private record Patched(Machine machine, ExactTsc exact) {}

  private Patched machine(DebianGuest guest, Path initrd, String name) throws Exception {
    MachineConfig config = guest.patchedConfig(initrd, guest.disk(folder.resolve(name)));
    MachineSpec spec = ConfiguredMachine.spec(config, 1_767_225_600_000_000_000L);
    ExactTsc exact = new ExactTsc();
    return new Patched(
        ConfiguredMachine.create(
            config, spec, DiskUse.DIRECT, new ExactTscPatch(config.cpuModel(), exact), exact),
        exact);
  }

  private static void requireHeld(Machine machine) throws Exception {
    CpuState state = machine.atBoundary(boundary -> boundary.cpu()).get(1, TimeUnit.MINUTES);
    assertThat(state.cr4 & TIME_STAMP_DISABLE).as("CR4.TSD of %#x", state.cr4).isNotZero();
  }

  @Test
  void programsAndModulesReadVirtualTimeAndReplayIdentically() throws Exception {
    DebianGuest guest = DebianGuest.prepare();
    Path initrd =
        CounterGuest.initrd(guest.initrd(), guest.counterModule(), folder.resolve("initrd"));
    Path log = folder.resolve("log");
    DebianGuest.Screen screen = new DebianGuest.Screen();
    MachineEnd end;
    ExactTsc.Counts counts;
    Patched live = machine(guest, initrd, "live");
    try (Machine machine = live.machine()) {
      requireHeld(machine);
      machine.start(new FileLogSink(log), new DirectGate(screen), 1);
      int shell = screen.await("# ", screen.await("lockstep guest ready", 0));
      requireHeld(machine);
      DebianGuest.type(machine, CounterGuest.PROGRAM + " && echo all-read");
      int read = screen.await("\nall-read", shell);
      requireVirtualTimes(screen.toString().substring(shell, read), machine);
      requireHeld(machine);
      DebianGuest.type(machine, CounterGuest.FORBIDDEN + "; echo status $?");
      int forbidden = screen.await("status 139", read);
      DebianGuest.type(machine, CounterGuest.PROGRAM + " && echo read-again");
      screen.await("\nread-again", forbidden);
      requireHeld(machine);
      DebianGuest.type(machine, "insmod " + CounterGuest.MODULE + "; echo module $?");
      screen.await("module ", screen.await("echo module $?", forbidden));
      requireHeld(machine);
      DebianGuest.type(machine, "poweroff");
      end = machine.ended().get(4, TimeUnit.MINUTES);
      requireHeld(machine);
      counts = live.exact().counts();
    }
    System.out.printf("campaign rdtsc: Debian on soft with TSD held: %s%n", counts);
    assertThat(counts.userReads()).isGreaterThanOrEqualTo(2 * READS);
    assertThat(counts.moduleSites()).isEqualTo(1);
    assertThat(counts.controlWrites()).isPositive();
    Patched again = machine(guest, initrd, "again");
    DebianGuest.Screen replayed = new DebianGuest.Screen();
    try (Machine machine = again.machine();
        FileLogSource source = new FileLogSource(log)) {
      ReplayReport report = Replay.run(machine, source, new DirectGate(replayed));
      assertThat(report.divergence()).isNull();
      assertThat(report.identical()).isTrue();
      assertThat(report.end()).isEqualTo(end);
      assertThat(replayed.bytes()).isEqualTo(screen.bytes());
      assertThat(again.exact().counts()).isEqualTo(counts);
    }
  }

  /** Rising, and not above what the machine's clock shows now. */
  private static void requireVirtualTimes(String shown, Machine machine) throws Exception {
    List<Long> times =
        shown
            .lines()
            .map(String::strip)
            .filter(line -> line.matches("[0-9a-f]{16}"))
            .map(HexFormat::fromHexDigitsToLong)
            .toList();
    assertThat(times).hasSize(READS).isSorted().doesNotHaveDuplicates();
    long now = machine.atBoundary(boundary -> boundary.virtualNanos()).get(1, TimeUnit.MINUTES);
    assertThat(times.getFirst()).isPositive();
    assertThat(times.getLast()).isLessThan(now);
  }
}

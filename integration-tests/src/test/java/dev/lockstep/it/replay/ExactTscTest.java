package dev.lockstep.it.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.engine.CpuState;
import dev.lockstep.softcpu.SoftVcpu;
import dev.lockstep.vmm.boot.BootLoader;
import dev.lockstep.vmm.boot.BootOptions;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineEnd;
import dev.lockstep.vmm.machine.MachineFactory;
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
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Debian's stock kernel with every read of the time-stamp counter made to go through the machine, on the software CPU: CR4.TSD is held from the first instruction to the last, programs read virtual time, a
 * module is patched before it runs, and the log of all that repeats. The CPU's own counter is never read.
 */
class ExactTscTest {
  private static final long TIME_STAMP_DISABLE = 1 << 2;
  private static final int READS = 8;
  private static final int SEGMENTATION_FAULT = 128 + 11;

  @TempDir Path folder = Path.of("unset");

  private final AtomicLong ownReads = new AtomicLong();

  /** A machine, and what its patch does. */
  private record Patched(Machine machine, ExactTsc exact) {}

  /** As configured machines are made, with a counter of the CPU's own that only notes that it was read. */
  private Patched machine(DebianGuest guest, Path initrd, String name) throws Exception {
    MachineConfig config = guest.patchedConfig(initrd, guest.disk(folder.resolve(name)));
    ExactTsc exact = new ExactTsc();
    ExactTscPatch patch = new ExactTscPatch(config.cpuModel(), exact);
    BootOptions boot =
        new BootOptions(config.kernel(), config.initrd(), config.commandLine(), config.rngSeed());
    MachineFactory factory =
        new MachineFactory(
            "soft",
            (model, semantics, memory, counter) ->
                SoftVcpu.create(
                    model,
                    memory,
                    count -> {
                      ownReads.incrementAndGet();
                      return counter.read(count);
                    },
                    semantics));
    Machine machine =
        factory.create(
            ConfiguredMachine.spec(config, 1_767_225_600_000_000_000L),
            ConfiguredMachine.openDisks(config, DiskUse.DIRECT),
            (memory, state) -> BootLoader.load(boot, memory, state, patch),
            exact);
    return new Patched(machine, exact);
  }

  private static void requireHeld(Machine machine) throws Exception {
    CpuState state = machine.atBoundary(boundary -> boundary.cpu()).get(1, TimeUnit.MINUTES);
    assertThat(state.cr4 & TIME_STAMP_DISABLE).as("CR4.TSD of %#x", state.cr4).isNotZero();
  }

  @Test
  void programsAndModulesReadVirtualTimeAndReplayIdentically() throws Exception {
    DebianGuest guest = DebianGuest.prepare();
    Path initrd = CounterGuest.initrd(guest, folder.resolve("initrd"));
    Path log = folder.resolve("log");
    DebianGuest.Screen screen = new DebianGuest.Screen();
    Patched live = machine(guest, initrd, "live");
    MachineEnd end;
    try (Machine machine = live.machine()) {
      requireHeld(machine);
      machine.start(new FileLogSink(log), new DirectGate(screen), 1);
      use(machine, screen, live.exact());
      end = machine.ended().get(4, TimeUnit.MINUTES);
      requireHeld(machine);
    }
    ExactTsc.Counts counts = live.exact().counts();
    System.out.printf(
        "campaign rdtsc: Debian booted on soft with CR4.TSD held; %d reads by programs answered, %d moves to CR4, %d modules looked through, %d sites patched in them, the CPU's own counter read %d times%n",
        counts.userReads(),
        counts.controlWrites(),
        counts.modules(),
        counts.moduleSites(),
        ownReads.get());
    assertThat(counts.userReads()).isGreaterThanOrEqualTo(2 * READS);
    assertThat(counts.controlWrites()).isPositive();
    assertThat(ownReads).hasValue(0);
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

  private static void use(Machine machine, DebianGuest.Screen screen, ExactTsc exact)
      throws Exception {
    int shell = screen.await("# ", screen.await("lockstep guest ready", 0));
    requireHeld(machine);
    DebianGuest.type(machine, CounterGuest.PROGRAM + " && echo all-read");
    int read = screen.await("\nall-read", shell);
    requireVirtualTimes(screen.toString().substring(shell, read), machine);
    // Forbidden by the program itself, the counter is none for it, and none for it alone.
    DebianGuest.type(machine, CounterGuest.FORBIDDEN + "; echo status $?");
    int forbidden = screen.await("status " + SEGMENTATION_FAULT, read);
    requireHeld(machine);
    DebianGuest.type(machine, CounterGuest.PROGRAM + " && echo read-again");
    int again = screen.await("\nread-again", forbidden);
    requireVirtualTimes(screen.toString().substring(forbidden, again), machine);
    DebianGuest.type(
        machine,
        "insmod %1$s%2$s && insmod %1$s%3$s; echo module $?"
            .formatted(CounterGuest.MODULES, CounterGuest.HASH, CounterGuest.MODULE));
    int loaded = screen.await("\nmodule ", again);
    // First all of the line, then what the screen shows.
    int ended = screen.await("\n", loaded);
    String status = screen.toString().substring(loaded, ended).strip();
    System.out.printf("campaign rdtsc: insmod of %s: status %s%n", CounterGuest.MODULE, status);
    // The module measures the counter as it begins, and may find that one which counts branches
    // does not jitter enough (EFAULT):
    // it has read it all the same.
    assertThat(status).isIn("0", "14");
    assertThat(
            machine.atBoundary(boundary -> exact.counts()).get(1, TimeUnit.MINUTES).moduleSites())
        .isPositive();
    requireHeld(machine);
    DebianGuest.type(machine, "poweroff");
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

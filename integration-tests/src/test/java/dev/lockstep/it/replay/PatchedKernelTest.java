package dev.lockstep.it.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lockstep.vmm.boot.KernelEdit;
import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.LogSink;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.MachineSpec;
import dev.lockstep.vmm.tsc.RdtscSites;
import dev.lockstep.vmm.tsc.TscPatch;
import dev.lockstep.vmm.tsc.TscSite;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Debian's stock kernel whose RDTSC was patched into reads of a port boots on the software CPU as it is and as it was. */
class PatchedKernelTest {
  @TempDir Path folder = Path.of("unset");

  private static final String LAST_KERNEL_LINE = "as init process";

  /** The kernel decodes its own text while it pastes alternatives: from there on the counter's reads, being other instructions, cost other branches. */
  private static final String AFTER_ALTERNATIVES = "Freeing SMP alternatives";

  private static final int STAMP = "[    0.000000] ".length();

  /** Without time stamps, and without the one line that tells measured times. */
  private static List<String> withoutStamps(String console) {
    return console
        .lines()
        .map(line -> line.replaceFirst("^\\[ *[0-9.]+\\] ", ""))
        .filter(line -> !line.startsWith("sched_clock: Marking"))
        .toList();
  }

  /** Unpaced, and without disk and input until the kernel has booted: all that it prints follows from its code and the counter alone, time stamps included. */
  private Machine machine(String name, KernelEdit edit) throws Exception {
    DebianGuest guest = DebianGuest.prepare();
    MachineConfig config = guest.config(guest.disk(folder.resolve(name)));
    MachineSpec paced = ConfiguredMachine.spec(config, 1_767_225_600_000_000_000L);
    MachineSpec spec =
        new MachineSpec(
            paced.name(),
            paced.model(),
            paced.semantics(),
            paced.memoryBytes(),
            paced.wallClockNanos(),
            MachineSpec.Pacing.FREE,
            paced.digestSpacing(),
            paced.facts());
    return ConfiguredMachine.create(config, spec, DiskUse.DIRECT, edit);
  }

  @Test
  @Tag("long")
  void debianBootsIdenticallyWithTheCounterOnThePort() throws Exception {
    DebianGuest.Screen plain = new DebianGuest.Screen();
    String expected;
    try (Machine machine = machine("plain", KernelEdit.NONE)) {
      machine.start(LogSink.NONE, new DirectGate(plain), 1);
      int end = plain.await(LAST_KERNEL_LINE, 0);
      expected = plain.toString().substring(0, end);
    }
    TscPatch patch = new TscPatch();
    DebianGuest.Screen screen = new DebianGuest.Screen();
    try (Machine machine = machine("patched", patch)) {
      machine.start(LogSink.NONE, new DirectGate(screen), 1);
      screen.await(LAST_KERNEL_LINE, 0);
      String shown = screen.toString();
      assertThat(shown)
          .startsWith(expected.substring(0, expected.indexOf(AFTER_ALTERNATIVES) - STAMP));
      assertThat(withoutStamps(shown.substring(0, expected.length())))
          .containsExactlyElementsOf(withoutStamps(expected));
      int shell = screen.await("# ", screen.await("lockstep guest ready", 0));
      DebianGuest.type(
          machine, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource");
      screen.await("tsc", screen.await("current_clocksource", shell));
      DebianGuest.type(machine, "poweroff");
      machine.ended().get(2, TimeUnit.MINUTES);
    }
    RdtscSites sites = patch.done();
    System.out.printf(
        "campaign rdtsc: Debian booted on soft to the shell with %d RDTSC and %d RDTSCP patched (text %d, init text %d, alternatives %d), the kernel's %d lines as unpatched, time stamps the same until it pastes alternatives%n",
        sites.count(TscSite.Kind.RDTSC),
        sites.count(TscSite.Kind.RDTSCP),
        sites.count(".text", TscSite.Kind.RDTSC),
        sites.count(".init.text", TscSite.Kind.RDTSC),
        sites.count(".altinstr_replacement", TscSite.Kind.RDTSC),
        expected.lines().count());
  }
}

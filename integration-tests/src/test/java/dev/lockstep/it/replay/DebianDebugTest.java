package dev.lockstep.it.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lockstep.vmm.config.ConfiguredMachine;
import dev.lockstep.vmm.config.DiskUse;
import dev.lockstep.vmm.config.MachineConfig;
import dev.lockstep.vmm.debug.DebugServer;
import dev.lockstep.vmm.debug.TimeTravel;
import dev.lockstep.vmm.machine.DirectGate;
import dev.lockstep.vmm.machine.Machine;
import dev.lockstep.vmm.machine.ReplayCursor;
import dev.lockstep.vmm.replay.FileLogSink;
import dev.lockstep.vmm.replay.FileLogSource;
import dev.lockstep.vmm.trace.SymbolTable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Debian's gdb on a replay of Debian's kernel: breaks in the kernel, and steps back over an interrupt to the same state. */
final class DebianDebugTest {
  private static final Path GDB = Path.of("/usr/bin/gdb");
  private static final String STATE =
      "printf \"state %lx %lx %lx %lx %lx %lx %lx %lx\\n\", $rip,$rsp,$eflags,$rax,$rcx,$rdx,$rsi,$cs";

  @TempDir Path folder = Path.of("unset");

  @Test
  void breaksInTheKernelAndStepsBackOverAnInterrupt() throws Exception {
    assumeTrue(Files.isExecutable(GDB), "SKIPPED: no gdb here; apt-get install gdb");
    DebianGuest guest = DebianGuest.prepare();
    Path log = folder.resolve("log");
    record(guest, log);
    MachineConfig config = guest.config(guest.disk(folder.resolve("replayed")));
    long wallClock;
    try (FileLogSource source = new FileLogSource(log)) {
      wallClock = source.header().wallClockNanos();
    }
    try (Machine machine =
            ConfiguredMachine.create(
                config, ConfiguredMachine.spec(config, wallClock), DiskUse.REWINDABLE);
        ReplayCursor cursor = machine.navigate(from -> new FileLogSource(log, from))) {
      TimeTravel travel = new TimeTravel(cursor, Runtime.getRuntime().maxMemory() / 4);
      String text = gdb(travel);
      System.out.println(text);
      List<String> states = all("state (.*)", text);
      assertThat(states).as(text).hasSize(5);
      // In the kernel's interrupt entry; before it; in it again; and from far away.
      assertThat(states.get(2)).isEqualTo(states.get(0));
      assertThat(states.get(1)).isNotEqualTo(states.get(0));
      assertThat(states.get(3)).isEqualTo(states.get(1));
      assertThat(states.get(4)).isEqualTo(states.get(0));
      assertThat(text).contains("in system call");
      // Goes on to the recording's end, where everything is compared.
      cursor.stopBefore(new long[0]);
      assertThat(travel.continueForward()).isEqualTo(TimeTravel.Outcome.END);
    }
  }

  private void record(DebianGuest guest, Path log) throws Exception {
    DebianGuest.Screen screen = new DebianGuest.Screen();
    try (Machine machine = guest.machine(guest.disk(folder.resolve("recorded")))) {
      machine.start(new FileLogSink(log), new DirectGate(screen), 1);
      screen.await("lockstep guest ready", 0);
      machine.stop();
      machine.ended().get(1, TimeUnit.MINUTES);
    }
  }

  /** Finds the kernel's entry points by what the CPU says: the timer's gate in the IDT, and the target of SYSCALL. */
  private String gdb(TimeTravel travel) throws Exception {
    Path script = folder.resolve("script.gdb");
    Files.writeString(
        script,
        """
        monitor goto 40000000
        maintenance flush register-cache
        python
        import re
        regs = gdb.execute("monitor regs", to_string=True)
        idt = int(re.search(r"idt (\\w+):", regs).group(1), 16)
        gate = gdb.selected_inferior().read_memory(idt + 16 * 0x30, 16).tobytes()
        timer = int.from_bytes(gate[0:2] + gate[6:12], "little")
        lstar = int(re.search(r"lstar (\\w+)", regs).group(1), 16)
        gdb.execute("break *0x%%x" %% timer)
        end
        continue
        continue
        %1$s
        reverse-stepi
        %1$s
        stepi
        %1$s
        stepi
        stepi
        stepi
        reverse-stepi
        reverse-stepi
        reverse-stepi
        reverse-stepi
        %1$s
        continue
        continue
        reverse-continue
        %1$s
        delete
        python gdb.execute("break *0x%%x" %% lstar)
        continue
        python print("in system call" if int(gdb.parse_and_eval("$rip")) %% 2**64 == lstar else "elsewhere")
        kill
        """
            .formatted(STATE));
    Path out = folder.resolve("gdb.txt");
    try (DebugServer server = DebugServer.listen(folder.resolve("socket").toString())) {
      Process gdb =
          new ProcessBuilder(
                  GDB.toString(),
                  "-nx",
                  "-batch",
                  "-ex",
                  "target remote " + server.target(),
                  "-x",
                  script.toString())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      gdb.onExit().thenRun(server::stop);
      server.serve(travel, SymbolTable.EMPTY);
      assertThat(gdb.waitFor(1, TimeUnit.MINUTES)).isTrue();
    }
    return Files.readString(out);
  }

  private static List<String> all(String pattern, String text) {
    List<String> found = new ArrayList<>();
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    while (matcher.find()) {
      found.add(matcher.group(1));
    }
    return found;
  }
}

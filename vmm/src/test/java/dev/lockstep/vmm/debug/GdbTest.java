package dev.lockstep.vmm.debug;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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

/** The real gdb on a replay. */
class GdbTest {
  private static final Path GDB = Path.of("/usr/bin/gdb");

  @TempDir Path folder = Path.of("unset");

  private String gdb(Recorded recorded, String... commands) throws Exception {
    assumeTrue(
        Files.isExecutable(GDB),
        "SKIPPED: no gdb here; apt-get install gdb, or scripts/install-packages");
    try (DebugServer server = DebugServer.listen("127.0.0.1:0")) {
      List<String> words = new ArrayList<>(List.of(GDB.toString(), "-nx", "-batch"));
      List<String> all = new ArrayList<>(List.of("target remote " + server.target()));
      all.addAll(List.of(commands));
      all.add("kill");
      for (String command : all) {
        words.add("-ex");
        words.add(command);
      }
      Path out = folder.resolve("gdb.txt");
      Process gdb =
          new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(out.toFile()).start();
      gdb.onExit().thenRun(server::stop);
      server.serve(recorded.travel, SymbolTable.EMPTY);
      assertThat(gdb.waitFor(1, TimeUnit.MINUTES)).isTrue();
      String text = Files.readString(out);
      System.out.println(text);
      return text;
    }
  }

  @Test
  void reverseStepsOverAnInterruptToTheSameState() throws Exception {
    try (Recorded recorded = Recorded.open(folder, 64 << 20)) {
      String handler = "*0x%x".formatted(recorded.timerHandler());
      String all = "printf \"state %s\\n\", ".formatted("%lx ".repeat(18));
      String registers =
          all
              + "$rip,$rsp,$eflags,$rax,$rbx,$rcx,$rdx,$rsi,$rdi,$rbp,$r8,$r9,$r10,$r11,$r12,$r13,$r14,$r15";
      String text =
          gdb(
              recorded,
              "break " + handler,
              "continue",
              "continue",
              "monitor info",
              registers,
              "x/2gx $rsp",
              "reverse-stepi",
              "echo before the interrupt\\n",
              registers,
              "stepi",
              "echo in the handler again\\n",
              registers,
              "stepi",
              "stepi",
              "reverse-stepi",
              "reverse-stepi",
              "reverse-stepi",
              "echo before it again\\n",
              registers,
              "continue",
              "reverse-continue",
              "monitor info",
              "reverse-continue",
              "watch *(long*)0x50000",
              "delete 1",
              "continue",
              "continue",
              "reverse-continue",
              "print *(long*)0x50000",
              "print $xmm0",
              "set var $rax = 1",
              "set var *(long*)0x50000 = 5",
              "monitor regs",
              "monitor events 0 3",
              "monitor goto 100000",
              "monitor goto nonsense",
              "monitor nonsense");
      List<String> states = all("state (.*)", text);
      assertThat(states).hasSize(4);
      assertThat(states.get(2)).isEqualTo(states.get(0));
      assertThat(states.get(3)).isEqualTo(states.get(1)).isNotEqualTo(states.get(0));
      // The interrupt's frame holds where it came from.
      String rip = states.get(1).split(" ")[0];
      assertThat(all("state (\\w+)", text).get(0))
          .isEqualTo(Long.toHexString(recorded.timerHandler()));
      assertThat(text).containsPattern("0x0*" + rip + "\\s+0x0*10\\n");
      assertThat(text).contains("No more reverse-execution history");
      assertThat(text).contains("Hardware watchpoint 2");
      assertThat(text).contains("at 100000@0x");
      assertThat(text).contains("There is no command 'nonsense'");
      assertThat(text).contains("cr3 0000000000009000");
    }
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
